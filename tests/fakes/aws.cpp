// SPDX-License-Identifier: Apache-2.0
#include "fakes/aws.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <stdexcept>

#include "fakes/process_output.hpp"

namespace narrowgate::fakes {
namespace {

constexpr const char* kOutput = "output";
constexpr const char* kRecord = "record";

std::vector<std::string> command_line(const Aws::Options& options, const std::filesystem::path& directory) {
    std::vector<std::string> line{NARROWGATE_AWS_BINARY,
                                  "--listen",
                                  "127.0.0.1:" + std::to_string(options.port),
                                  "--certificate",
                                  options.certificate.certificate.string(),
                                  "--key",
                                  options.certificate.key.string(),
                                  "--client-ca",
                                  options.root.string(),
                                  "--record",
                                  (directory / kRecord).string()};
    line.insert(line.end(), options.flags.begin(), options.flags.end());
    return line;
}

// The lines of JSON that are whole; others are complaints.
std::vector<nlohmann::json> lines_of(const std::string& text) {
    std::vector<nlohmann::json> lines;
    std::istringstream stream(text.substr(0, text.rfind('\n') + 1));
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with('{')) lines.push_back(nlohmann::json::parse(line));
    return lines;
}

}  // namespace

Aws::Pipe::Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read_end = ends[0];
    write_end = ends[1];
}

Aws::Aws(const Options& options)
    : process_(command_line(options, directory_.path()), directory_.path() / kOutput, commands_.read_end) {
    ::close(commands_.read_end);
    wait_for_output(
        process_, directory_.path() / kOutput,
        [](const std::string& text) { return !lines_of(text).empty(); }, "narrowgate-aws to listen");
    address_ = printed().front().at("listening").get<std::string>();
}

Aws::~Aws() {
    ::close(commands_.write_end);
}

std::string Aws::url() const {
    return "mqtts://localhost" + address_.substr(address_.rfind(':'));
}

void Aws::tell(const std::string& command) {
    const std::string line = command + "\n";
    if (::write(commands_.write_end, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        throw std::runtime_error("narrowgate-aws takes no commands");
}

nlohmann::json Aws::counts() {
    const std::size_t before = printed().size();
    tell("counts");
    wait_for_output(
        process_, directory_.path() / kOutput,
        [&](const std::string& text) { return lines_of(text).size() > before; },
        "narrowgate-aws to print its counts");
    return printed().back();
}

std::vector<int> Aws::keep_alives(std::size_t count) {
    std::vector<int> found;
    wait_for_output(
        process_, directory_.path() / kRecord,
        [&](const std::string& text) {
            found.clear();
            for (const nlohmann::json& line : lines_of(text))
                if (line.contains("connected")) found.push_back(line.at("keep_alive").get<int>());
            return found.size() >= count;
        },
        "CONNECTs at narrowgate-aws");
    return found;
}

std::vector<nlohmann::json> Aws::printed() const {
    return lines_of(text_of_file(directory_.path() / kOutput));
}

}  // namespace narrowgate::fakes
