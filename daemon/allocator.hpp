// SPDX-License-Identifier: Apache-2.0
//
// What the process keeps of memory that it has freed: enough for the next message while it works, nothing
// while it sleeps.
#pragma once

#include <chrono>

namespace narrowgate::daemon {

// How much of freed memory each thread's heap keeps, bytes: what a message of many readings takes, in and
// out.
inline constexpr int kKeptBytes = 2 * 1024 * 1024;

// The C library gives the end of a heap back to the kernel as soon as 128 KiB of it are free, and takes it
// again page by page: with messages of that size, once each, which costs more than rendering them. Call it
// before any thread starts.
void keep_freed_memory();

// CPU time that all threads of the process have used so far.
std::chrono::nanoseconds process_cpu_time();

// Gives freed memory of all heaps back to the kernel while the process is at rest. Thread: any one.
class SpareMemory {
public:
    // More CPU time than this between two looks is work. A gateway with nothing to do uses a tenth of it.
    static constexpr std::chrono::milliseconds kAtRest{100};

    // Called every ten seconds or so with process_cpu_time(). True when memory was given back.
    bool look(std::chrono::nanoseconds cpu_time);

private:
    std::chrono::nanoseconds last_{0};
};

}  // namespace narrowgate::daemon
