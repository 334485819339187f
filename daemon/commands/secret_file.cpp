// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/secret_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

namespace narrowgate::daemon {
namespace {

Expected<Secret> read_all(std::istream& in, std::string_view name, std::size_t max_bytes) {
    // Growing leaves copies behind that nobody wipes; small secrets never grow.
    static constexpr std::size_t kSmall = 65'536;
    Bytes bytes;
    std::array<char, 4096> buffer{};
    bytes.reserve(std::min(max_bytes, kSmall) + buffer.size());
    while (in.read(buffer.data(), buffer.size()) || in.gcount() > 0) {
        const auto count = static_cast<std::size_t>(in.gcount());
        bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
        if (bytes.size() > max_bytes) break;
    }
    wipe({reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size()});
    Secret secret(std::move(bytes));
    if (secret.size() > max_bytes)
        return failure(fmt::format("{} is longer than {} bytes", name, max_bytes), "name another file");
    return secret;
}

}  // namespace

Expected<Secret> read_secret_file(const std::filesystem::path& file, std::istream& in,
                                  std::size_t max_bytes) {
    if (file == "-") return read_all(in, "standard input", max_bytes);
    const std::string name = file.string();
    struct stat status{};
    if (stat(file.c_str(), &status) != 0)
        return failure(fmt::format("{}: {}", name, system_message(errno)), "name a file that you can read");
    if (!S_ISREG(status.st_mode))
        return failure(name + " is no regular file", "name another, or - for input");
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return failure(fmt::format("{} holds keys, and other users may read or change it", name),
                       fmt::format("chmod 600 {}", name));
    }
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return failure(fmt::format("{} cannot be read", name), "run as the user that owns it");
    return read_all(stream, name, max_bytes);
}

}  // namespace narrowgate::daemon
