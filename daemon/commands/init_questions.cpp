// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <istream>
#include <optional>
#include <ostream>

#include "daemon/commands/init_arguments.hpp"
#include "daemon/commands/new_gateway_files.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kMaxNameBytes = 64;

// Asks, and takes `otherwise` for an empty line. Nothing when there are no more answers.
std::optional<std::string> ask(const Console& console, std::string_view question,
                               std::string_view otherwise) {
    console.out << question << (otherwise.empty() ? "" : fmt::format(" [{}]", otherwise)) << ": "
                << std::flush;
    std::string answer;
    if (!std::getline(console.in, answer)) return std::nullopt;
    answer.erase(0, std::min(answer.find_first_not_of(" \t\r"), answer.size()));
    answer.erase(answer.find_last_not_of(" \t\r") + 1);
    return answer.empty() ? std::string(otherwise) : answer;
}

}  // namespace

// This machine's, as far as it is a name of ours.
std::string host_name() {
    std::array<char, kMaxNameBytes + 1> buffer{};
    if (gethostname(buffer.data(), buffer.size() - 1) != 0) return "gw-1";
    std::string name(buffer.data());
    name.resize(std::min(name.find('.'), name.size()));
    std::ranges::replace_if(
        name, [](char c) { return c != '-' && std::isalnum(static_cast<unsigned char>(c)) == 0; }, '-');
    return name.empty() ? "gw-1" : name;
}

bool ask_for_the_rest(const Console& console, InitArguments& arguments) {
    console.out << "An empty answer takes what is in brackets, or leaves it out.\n";
    const auto fill = [&](std::string& value, std::string_view question, std::string_view otherwise) {
        if (!value.empty()) return true;
        auto answer = ask(console, question, otherwise);
        if (!answer) return false;
        value = *std::move(answer);
        return true;
    };
    if (!fill(arguments.name, "Name of this gateway", host_name())) return false;
    for (const Cloud& cloud : clouds()) {
        std::string& host = arguments.hosts[cloud.option];
        if (!fill(host, cloud.question, "")) return false;
        std::string file = arguments.ca_files[cloud.option].string();
        const bool has_roots = host.empty() || has_roots_of_its_own(cloud);
        if (!has_roots && !fill(file, fmt::format("  file with the roots that vouch for {}", host), ""))
            return false;
        arguments.ca_files[cloud.option] = file;
    }
    std::string certificate = arguments.certificate_file.string();
    std::string key = arguments.key_file.string();
    if (!fill(certificate, "File with this gateway's certificate", "") ||
        !fill(key, "File with its key", "") ||
        !fill(arguments.fleet, "Name of the fleet: nodes that are alike", kDefaultFleet)) {
        return false;
    }
    arguments.certificate_file = certificate;
    arguments.key_file = key;
    return fill(arguments.device, "PSK identity of its first node", arguments.fleet + "-0001");
}

}  // namespace narrowgate::daemon
