// SPDX-License-Identifier: Apache-2.0
#include "fakes/private_network.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>

#include "fakes/child_process.hpp"

namespace narrowgate::fakes {
namespace {

void write_file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
}

}  // namespace

std::string enter_private_network(const std::filesystem::path& directory,
                                  const std::map<std::string, std::string>& etc) {
    const auto failed = [](const std::string& what) { return what + ": " + std::strerror(errno); };
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    const int user_namespace = user == 0 ? 0 : CLONE_NEWUSER;
    if (::unshare(user_namespace | CLONE_NEWNS | CLONE_NEWNET) != 0) return failed("unshare");
    if (user_namespace != 0) {
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
        write_file("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mount");
    for (const auto& [name, text] : etc) {
        write_file(directory / name, text);
        const std::string covered = "/etc/" + name;
        if (::mount((directory / name).c_str(), covered.c_str(), nullptr, MS_BIND, nullptr) != 0)
            return failed("mount " + covered);
    }
    try {
        ip({"link", "set", "lo", "up"}, directory);
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

void ip(std::vector<std::string> arguments, const std::filesystem::path& directory) {
    arguments.insert(arguments.begin(), "ip");
    run(std::move(arguments), directory / "ip.log");
}

}  // namespace narrowgate::fakes
