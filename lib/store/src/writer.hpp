// SPDX-License-Identifier: Apache-2.0
//
// The one thread that changes the store: commits all that waits, tells the sinks, keeps up.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine.hpp"
#include "inbox.hpp"

namespace narrowgate::store {

// Thread: any, but stop() and the destructor: its owner's.
class Writer {
public:
    using Sink = std::function<void(std::vector<Completion>&&)>;
    using Wake = std::function<void(ReadingNumber)>;
    using Tap = std::function<void(const NewReading&)>;

    // `engine` must outlive the writer and is the writer's from now on.
    explicit Writer(Engine& engine);
    ~Writer() { stop(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    SinkId add_sink(Sink sink);
    void on_commit(Wake wake);
    void set_tap(Tap tap);
    // Calls what on_commit() was given. Thread: the writer's.
    void wake_all();
    bool submit(Unit&& unit) { return inbox_.submit(std::move(unit)); }
    bool post(Job job) { return inbox_.post(std::move(job)); }
    void stop();

    WriterPulse pulse() const;
    std::uint64_t refusals() const { return inbox_.refusals(); }
    Inbox::Load load() const { return inbox_.load(); }

private:
    void run();
    void commit_all(std::vector<Unit>& units);
    void commit(std::span<const Unit> units);
    void show(std::span<const Unit> units);
    void tell(std::span<const Unit> units, const std::vector<Outcome>& outcomes);

    Engine& engine_;
    Inbox inbox_;
    std::vector<Outcome> outcomes_;

    std::mutex mutex_;  // guards the two lists; their elements stay where they are
    std::deque<Sink> sinks_;
    std::deque<Wake> wakes_;

    std::mutex
        tap_mutex_;  // held while the tap is called, so that it is not called any more once it was taken away
    Tap tap_;
    std::atomic<bool> tapped_ = false;

    std::atomic<std::uint64_t> turns_ = 0;
    std::atomic<SteadyTime::rep> commit_since_ = 0;  // 0: none in progress
    std::thread thread_;
};

}  // namespace narrowgate::store
