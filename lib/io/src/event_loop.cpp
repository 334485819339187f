// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/event_loop.hpp"

#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

#include "narrowgate/io/channel.hpp"

namespace narrowgate::io {
namespace {

// Calls of sd-event that fail only on programming errors or without memory.
void require(int sd_result) {
    if (sd_result < 0) std::abort();
}

std::uint32_t epoll_events(Ready what) {
    std::uint32_t events = 0;
    if (has(what, Ready::kRead)) events |= EPOLLIN;
    if (has(what, Ready::kWrite)) events |= EPOLLOUT;
    return events;
}

std::uint64_t monotonic_us(SteadyTime when) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count();
    return us < 0 ? 0 : static_cast<std::uint64_t>(us);
}

}  // namespace

struct Source::Impl {
    sd_event_source* source = nullptr;
    std::function<void(Ready)> on_ready;
    std::function<void()> on_fire;

    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() { end(); }

    void end() {
        if (source == nullptr) return;
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        sd_event_source_set_userdata(source, nullptr);
        source = sd_event_source_unref(source);
    }

    // The callback may destroy its own Source: this reference keeps the function alive until it returns.
    static std::shared_ptr<Impl> hold(void* userdata) {
        return userdata == nullptr ? nullptr : static_cast<std::weak_ptr<Impl>*>(userdata)->lock();
    }

    std::weak_ptr<Impl> self;

    static int ready(sd_event_source*, int, std::uint32_t events, void* userdata) {
        if (const auto impl = hold(userdata)) {
            Ready what = Ready::kNothing;
            if ((events & EPOLLIN) != 0) what = what | Ready::kRead;
            if ((events & EPOLLOUT) != 0) what = what | Ready::kWrite;
            if ((events & (EPOLLHUP | EPOLLERR)) != 0) what = what | Ready::kHangup;
            impl->on_ready(what);
        }
        return 0;
    }
    static int fire(sd_event_source*, std::uint64_t, void* userdata) {
        if (const auto impl = hold(userdata)) impl->on_fire();
        return 0;
    }
    static int signalled(sd_event_source*, const struct signalfd_siginfo*, void* userdata) {
        if (const auto impl = hold(userdata)) impl->on_fire();
        return 0;
    }
};

Source::Source() = default;
Source::Source(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Source::Source(Source&& other) noexcept = default;

Source::~Source() {
    if (impl_) impl_->end();
}

Source& Source::operator=(Source&& other) noexcept {
    if (this != &other) {
        if (impl_) impl_->end();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

void Source::wait_for(Ready what) {
    require(sd_event_source_set_io_events(impl_->source, epoll_events(what)));
}

void Source::arm(SteadyTime when) {
    require(sd_event_source_set_time(impl_->source, monotonic_us(when)));
    require(sd_event_source_set_enabled(impl_->source, SD_EVENT_ONESHOT));
}

void Source::disarm() {
    require(sd_event_source_set_enabled(impl_->source, SD_EVENT_OFF));
}

struct EventLoop::Impl {
    explicit Impl(sd_event* event_in, Channel<Task> tasks_in) : event(event_in), tasks(std::move(tasks_in)) {}
    ~Impl() {
        task_source = Source();
        sd_event_unref(event);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void run_tasks() {
        tasks.drain(batch);
        // A task may post further ones; those wait for the next turn, so that descriptors get theirs.
        for (Task& task : batch)
            task();
        batch.clear();
    }

    sd_event* event;
    Channel<Task> tasks;
    std::vector<Task> batch;
    Source task_source;
    std::atomic<bool> stopping{false};
};

EventLoop::EventLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLoop::~EventLoop() = default;

Expected<std::unique_ptr<EventLoop>> EventLoop::create() {
    sd_event* event = nullptr;
    if (const int result = sd_event_new(&event); result < 0) {
        return failure("cannot make an event loop: " + system_message(-result),
                       "raise the limit of open files (LimitNOFILE)");
    }
    auto tasks = Channel<Task>::create(kMaxTasks);
    if (!tasks) {
        sd_event_unref(event);
        return std::unexpected(tasks.error());
    }
    std::unique_ptr<EventLoop> loop(new EventLoop(std::make_unique<Impl>(event, std::move(*tasks))));
    Impl& impl = *loop->impl_;
    impl.task_source = loop->watch(impl.tasks.fd(), Ready::kRead, [&impl](Ready) { impl.run_tasks(); });
    return loop;
}

namespace {

template <class Add>
Source add_source(Add add, std::function<void(Ready)> on_ready, std::function<void()> on_fire) {
    auto impl = std::make_shared<Source::Impl>();
    impl->on_ready = std::move(on_ready);
    impl->on_fire = std::move(on_fire);
    impl->self = impl;
    require(add(impl.get(), &impl->self));
    return Source(std::move(impl));
}

}  // namespace

Source EventLoop::watch(int fd, Ready what, std::function<void(Ready)> callback) {
    return add_source(
        [&](Source::Impl* impl, void* userdata) {
            return sd_event_add_io(impl_->event, &impl->source, fd, epoll_events(what), Source::Impl::ready,
                                   userdata);
        },
        std::move(callback), nullptr);
}

Source EventLoop::timer(Task callback) {
    // The default accuracy of sd-event is 250 ms; retransmission timers want better.
    constexpr std::uint64_t kAccuracyUs = 1000;
    Source source = add_source(
        [&](Source::Impl* impl, void* userdata) {
            return sd_event_add_time(impl_->event, &impl->source, CLOCK_MONOTONIC, UINT64_MAX, kAccuracyUs,
                                     Source::Impl::fire, userdata);
        },
        nullptr, std::move(callback));
    source.disarm();
    return source;
}

Source EventLoop::watch_signal(int signal_number, Task callback) {
    return add_source(
        [&](Source::Impl* impl, void* userdata) {
            return sd_event_add_signal(impl_->event, &impl->source, signal_number, Source::Impl::signalled,
                                       userdata);
        },
        nullptr, std::move(callback));
}

bool EventLoop::post(Task task) {
    return impl_->tasks.push(std::move(task));
}

void EventLoop::run() {
    while (!impl_->stopping.load(std::memory_order_acquire)) {
        require(sd_event_run(impl_->event, UINT64_MAX));
    }
}

void EventLoop::stop() {
    impl_->stopping.store(true, std::memory_order_release);
    impl_->tasks.wake();
}

Now EventLoop::now() const {
    std::uint64_t steady = 0;
    std::uint64_t wall = 0;
    require(sd_event_now(impl_->event, CLOCK_MONOTONIC, &steady));
    require(sd_event_now(impl_->event, CLOCK_REALTIME, &wall));
    return {SteadyTime(std::chrono::microseconds(steady)), WallTime(std::chrono::microseconds(wall))};
}

void block_signal(int signal_number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) std::abort();
}

}  // namespace narrowgate::io
