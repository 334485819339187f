// SPDX-License-Identifier: Apache-2.0
//
// What another process costs: its CPU time and its memory, as the kernel accounts for them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace narrowgate::bench {

// Thread: any.
class ProcessMeter {
public:
    explicit ProcessMeter(pid_t pid) : pid_(pid) {}

    // Of all threads, user and system, those that ended included (clock_getcpuclockid(3)). Zero when the
    // process is gone.
    std::chrono::nanoseconds cpu_time() const;
    // The same by name of the threads that run now (/proc/PID/task/*/schedstat).
    std::map<std::string, std::chrono::nanoseconds> cpu_time_by_thread() const;
    // Resident set in bytes (VmRSS of /proc/PID/status).
    std::uint64_t resident_bytes() const;

private:
    pid_t pid_;
};

}  // namespace narrowgate::bench
