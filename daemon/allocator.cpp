// SPDX-License-Identifier: Apache-2.0
#include "daemon/allocator.hpp"

#include <malloc.h>

#include <ctime>
#include <utility>

namespace narrowgate::daemon {

void keep_freed_memory() {
    mallopt(M_TRIM_THRESHOLD, kKeptBytes);
    mallopt(M_MMAP_THRESHOLD, kKeptBytes);
}

std::chrono::nanoseconds process_cpu_time() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

bool SpareMemory::look(std::chrono::nanoseconds cpu_time) {
    if (cpu_time - std::exchange(last_, cpu_time) > kAtRest) return false;
    malloc_trim(0);
    return true;
}

}  // namespace narrowgate::daemon
