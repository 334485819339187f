// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <malloc.h>

namespace narrowgate::daemon {

// How much of freed memory each thread's heap keeps, bytes: what a message of many readings takes, in and
// out.
inline constexpr int kKeptBytes = 2 * 1024 * 1024;

// The C library gives the end of a heap back to the kernel as soon as 128 KiB of it are free, and takes it
// again page by page: with messages of that size, once each, which costs more than rendering them. Call it
// before any thread starts.
inline void keep_freed_memory() {
    mallopt(M_TRIM_THRESHOLD, kKeptBytes);
    mallopt(M_MMAP_THRESHOLD, kKeptBytes);
}

}  // namespace narrowgate::daemon
