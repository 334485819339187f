// SPDX-License-Identifier: Apache-2.0
//
// The only way from one thread to another: a bounded queue with an eventfd that is readable while something
// waits. A full channel is a return value, never a wait.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "narrowgate/base/error.hpp"
#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::io {

// An eventfd(2) that is owned.
class WakeUp {
public:
    static Expected<WakeUp> create();

    // Readable from signal() until clear(). Thread: any.
    int fd() const { return fd_.get(); }
    void signal() const;
    void clear() const;

private:
    explicit WakeUp(FileDescriptor fd) : fd_(std::move(fd)) {}
    FileDescriptor fd_;
};

// Thread: push() and wake() any; drain() the receiver's. Items keep the order in which they were pushed.
template <class T>
class Channel {
public:
    // At most `capacity` items wait.
    static Expected<Channel> create(std::size_t capacity) {
        auto wake_up = WakeUp::create();
        if (!wake_up) return std::unexpected(wake_up.error());
        return Channel(capacity, std::move(*wake_up));
    }

    // False, and `item` is gone, when the channel is full.
    bool push(T item) {
        const std::scoped_lock lock(shared_->mutex);
        if (shared_->items.size() >= shared_->capacity) return false;
        shared_->items.push_back(std::move(item));
        // One signal serves all that wait: the receiver takes everything.
        if (shared_->items.size() == 1) shared_->wake_up.signal();
        return true;
    }

    // Replaces `out` by everything that waits; its capacity is used again for what comes next.
    void drain(std::vector<T>& out) {
        out.clear();
        const std::scoped_lock lock(shared_->mutex);
        shared_->wake_up.clear();
        std::swap(out, shared_->items);
    }

    // Makes fd() readable with nothing to drain.
    void wake() const { shared_->wake_up.signal(); }
    int fd() const { return shared_->wake_up.fd(); }

private:
    struct Shared {
        Shared(std::size_t capacity_in, WakeUp wake_up_in)
            : capacity(capacity_in), wake_up(std::move(wake_up_in)) {}
        const std::size_t capacity;
        const WakeUp wake_up;
        std::mutex mutex;
        std::vector<T> items;
    };

    Channel(std::size_t capacity, WakeUp wake_up)
        : shared_(std::make_unique<Shared>(capacity, std::move(wake_up))) {}

    std::unique_ptr<Shared> shared_;
};

}  // namespace narrowgate::io
