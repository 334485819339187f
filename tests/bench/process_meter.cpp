// SPDX-License-Identifier: Apache-2.0
#include "bench/process_meter.hpp"

#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <fstream>

namespace narrowgate::bench {

std::chrono::nanoseconds ProcessMeter::cpu_time() const {
    clockid_t clock;
    timespec time;
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return {};
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::map<std::string, std::chrono::nanoseconds> ProcessMeter::cpu_time_by_thread() const {
    std::map<std::string, std::chrono::nanoseconds> times;
    std::error_code gone;
    const std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid_), gone);
    for (const auto& task : tasks) {
        std::string name;
        std::int64_t nanoseconds_on_cpu = 0;
        std::getline(std::ifstream(task.path() / "comm"), name);
        std::ifstream(task.path() / "schedstat") >> nanoseconds_on_cpu;
        times[name] += std::chrono::nanoseconds(nanoseconds_on_cpu);
    }
    return times;
}

std::uint64_t ProcessMeter::resident_bytes() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    for (std::string word; status >> word;) {
        std::uint64_t kibibytes = 0;
        if (word == "VmRSS:" && status >> kibibytes) return kibibytes * 1024;
    }
    return 0;
}

}  // namespace narrowgate::bench
