// SPDX-License-Identifier: Apache-2.0
//
// Readings as they come, for whoever watches: a look at what was committed, of no consequence for what
// becomes of it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "narrowgate/ops/http.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// Which readings; empty: all.
struct TailFilter {
    std::string fleet;
    std::string device;
};

// Thread: any.
class Tail {
public:
    // Kept for a watcher who is slower than the readings; beyond that they are left out, and counted.
    static constexpr std::size_t kMostWaiting = 1000;

    // `store` must outlive every stream.
    explicit Tail(store::Store& store) : store_(store) {}
    Tail(const Tail&) = delete;
    Tail& operator=(const Tail&) = delete;

    // Server-sent events: "event: reading" with an envelope (narrowgate/payload/envelope.hpp) without its id,
    // and "event: skipped" with a number. The tail must outlive it.
    std::unique_ptr<ops::HttpStream> watch(TailFilter filter);

private:
    class Watcher;

    void add(Watcher& watcher);
    void remove(Watcher& watcher);
    // Of the store's writer.
    void take(const store::NewReading& reading);

    store::Store& store_;
    std::mutex registration_;  // of who comes and goes; the writer never waits for it
    std::mutex mutex_;         // of the list, which both change and read
    std::vector<Watcher*> watchers_;
};

}  // namespace narrowgate::daemon
