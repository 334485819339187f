// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/offenders_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "daemon/events.hpp"

namespace narrowgate::daemon {
namespace {

struct Opened {
    io::FileDescriptor descriptor;
    std::uint64_t bytes = 0;
};

std::string words_of(int error) {
    return std::generic_category().message(error);
}

Expected<Opened> open_for_append(const std::filesystem::path& file) {
    // Readable by a group that the operator gives it (logrotate's "create"), by nobody else.
    io::FileDescriptor descriptor(
        ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0640));
    struct stat status{};
    if (!descriptor || ::fstat(descriptor.get(), &status) != 0) {
        return failure(
            fmt::format("the offenders log {} cannot be opened: {}", file.string(), words_of(errno)),
            "make its directory and let the gateway's user write there, or remove "
            "gateway.offenders_log");
    }
    return Opened{std::move(descriptor), static_cast<std::uint64_t>(status.st_size)};
}

// The address without its port; an IPv6 source with the length of its prefix.
std::string source_text(const Address& address) {
    Address source = address;
    source.ip = prefix_of(address);
    source.port = 0;
    source.scope = 0;
    std::string text = source.text();
    text.resize(text.rfind(':'));
    if (address.is_v4()) return text;
    return text.substr(1, text.size() - 2) + "/64";
}

}  // namespace

std::string line_of(const Offence& offence) {
    // Whole seconds: what every reader of time stamps understands.
    std::string time = to_rfc3339(std::chrono::floor<seconds>(offence.at));
    if (const auto point = time.find('.'); point != std::string::npos) time = time.substr(0, point) + 'Z';
    return fmt::format("{} narrowgate: offender address={} failed_handshakes={} seconds={}", time,
                       source_text(offence.address), offence.failures, offence.interval.count());
}

OffendersLog::OffendersLog(std::filesystem::path file, io::FileDescriptor descriptor, std::uint64_t bytes,
                           Log& log)
    : file_(std::move(file)), descriptor_(std::move(descriptor)), bytes_(bytes), log_(&log) {}

Expected<OffendersLog> OffendersLog::open(std::filesystem::path file, Log& log) {
    auto opened = open_for_append(file);
    if (!opened) return std::unexpected(opened.error());
    return OffendersLog(std::move(file), std::move(opened->descriptor), opened->bytes, log);
}

void OffendersLog::reopen() {
    auto opened = open_for_append(file_);
    if (!opened) return log_->write(kEvent<"gateway.offenders_log_failed">, {}, opened.error());
    descriptor_ = std::move(opened->descriptor);
    bytes_ = opened->bytes;
    failing_ = false;
}

void OffendersLog::write(const Offence& offence, SteadyTime now) {
    const std::string line = line_of(offence) + '\n';
    if (bytes_ + line.size() > kMaxBytes || !pace_.take(now)) return;
    if (::write(descriptor_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
        bytes_ += line.size();
        failing_ = false;
    } else if (!std::exchange(failing_, true)) {
        const std::string why = words_of(errno);
        log_->write(kEvent<"gateway.offenders_log_failed">, {}, "the offenders log {} takes no lines: {}",
                    file_.string(), why);
    }
}

}  // namespace narrowgate::daemon
