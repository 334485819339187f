// SPDX-License-Identifier: Apache-2.0
//
// A file for programs such as fail2ban: sources whose handshakes keep failing. Apart from the log, which
// strangers must not be able to fill, and only when the operator asks for it (gateway.offenders_log).
//
// One line each: TIME narrowgate: offender address=ADDRESS failed_handshakes=COUNT seconds=INTERVAL
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "daemon/ingress/admission.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/base/token_bucket.hpp"
#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::daemon {

// "2026-03-01T12:00:00Z narrowgate: offender address=192.0.2.1 failed_handshakes=12 seconds=10". An IPv6
// source is written as its /64: "address=2001:db8:1:2::/64".
std::string line_of(const Offence& offence);

// Thread: one at a time.
class OffendersLog {
public:
    // Lines beyond these are not written: a botnet fills neither the disk nor the reader's time. Bytes are
    // counted since the file was opened, so that rotating it makes room.
    static constexpr unsigned kLinesPerSecond = 20;
    static constexpr std::uint64_t kMaxBytes = std::uint64_t{16} * 1024 * 1024;

    // Appends to `file`, which is made when it is missing. `log` must outlive it.
    static Expected<OffendersLog> open(std::filesystem::path file, Log& log);

    void write(const Offence& offence, SteadyTime now);
    // After the file was renamed by logrotate: opens it anew. When that fails, lines go where they went.
    void reopen();

private:
    OffendersLog(std::filesystem::path file, io::FileDescriptor descriptor, std::uint64_t bytes, Log& log);

    std::filesystem::path file_;
    io::FileDescriptor descriptor_;
    std::uint64_t bytes_ = 0;
    Log* log_;
    TokenBucket pace_{kLinesPerSecond, kLinesPerSecond};
    bool failing_ = false;  // said once
};

}  // namespace narrowgate::daemon
