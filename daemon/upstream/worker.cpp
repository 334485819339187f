// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/worker.hpp"

#include <pthread.h>

#include <utility>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::daemon {

Worker::Worker(CourierOptions options, std::unique_ptr<ReadingSource> source,
               std::unique_ptr<Profile> profile, Log& log, std::unique_ptr<io::EventLoop> loop)
    : options_(std::move(options)),
      source_(std::move(source)),
      profile_(std::move(profile)),
      log_(log),
      loop_(std::move(loop)) {
    status_.state.name = options_.name;
}

Expected<std::unique_ptr<Worker>> Worker::start(CourierOptions options, const OpenLink& open_link,
                                                std::unique_ptr<ReadingSource> source,
                                                std::unique_ptr<Profile> profile,
                                                std::shared_ptr<const Routes> routes, Log& log,
                                                std::optional<CertificateKeeperOptions> certificates) {
    auto loop = io::EventLoop::create();
    if (!loop) return std::unexpected(std::move(loop.error()));
    std::unique_ptr<Worker> worker(
        new Worker(std::move(options), std::move(source), std::move(profile), log, std::move(*loop)));
    if (certificates) worker->keeper_ = std::make_unique<CertificateKeeper>(*std::move(certificates), log);
    if (auto opened = worker->open(open_link, std::move(routes)); !opened)
        return std::unexpected(std::move(opened.error()));
    worker->thread_ = std::thread([raw = worker.get()] { raw->run(); });
    return worker;
}

Expected<void> Worker::open(const OpenLink& open_link, std::shared_ptr<const Routes> routes) {
    auto link = open_link([this](mqtt::Event&& event) {
        (void)loop_->post([this, event = std::move(event)] {
            courier_->on_event(event, loop_->now());
            turn();
        });
    });
    if (!link) return std::unexpected(std::move(link.error()));
    link_ = std::move(*link);
    courier_ = std::make_unique<Courier>(options_, *source_, *link_, *profile_, std::move(routes), log_,
                                         crypto::random_u64());
    return {};
}

Worker::~Worker() {
    stop(milliseconds(0));
}

void Worker::run() {
    // The kernel keeps 15 bytes of a thread's name (pthread_setname_np(3)).
    (void)pthread_setname_np(pthread_self(), ("up-" + options_.name).substr(0, 15).c_str());
    timer_ = loop_->timer([this] { turn(); });
    timer_.arm(loop_->now().steady);
    loop_->run();
    timer_ = {};
}

void Worker::turn() {
    if (keeper_ && keeper_->look(loop_->now())) courier_->reconnect(loop_->now());
    courier_->turn(loop_->now());
    CourierStatus status = courier_->status();
    std::optional<SteadyTime> deadline = courier_->deadline();
    if (keeper_) {
        keep(status);
        deadline = std::min(deadline.value_or(SteadyTime::max()), keeper_->next_look());
    }
    {
        const std::scoped_lock lock(status_mutex_);
        status_ = std::move(status);
    }
    if (courier_->is_over()) {
        loop_->stop();
    } else if (deadline) {
        timer_.arm(*deadline);
    } else {
        timer_.disarm();
    }
}

void Worker::keep(CourierStatus& status) {
    if (status.attempt != kept_attempt_) keeper_->used();
    kept_attempt_ = status.attempt;
    status.state.certificate_expires = keeper_->expires();
    status.state.roots_expire = keeper_->roots_expire();
}

void Worker::wake() {
    // One task for all commits since the last look.
    if (woken_.exchange(true)) return;
    const bool posted = loop_->post([this] {
        woken_ = false;
        turn();
    });
    if (!posted) woken_ = false;
}

void Worker::update(std::shared_ptr<const Routes> routes) {
    (void)loop_->post([this, routes = std::move(routes)] { courier_->set_routes(routes); });
}

void Worker::update(mqtt::ConnectionOptions options) {
    (void)loop_->post([this, options = std::move(options)] {
        link_->set_options(options);
        if (keeper_) {
            keeper_->update(options, loop_->now());
        } else {
            courier_->reconnect(loop_->now());
        }
        turn();
    });
}

CourierStatus Worker::status() const {
    const std::scoped_lock lock(status_mutex_);
    return status_;
}

void Worker::ask(std::function<void()> answer) {
    (void)loop_->post(std::move(answer));
}

void Worker::begin_stop(milliseconds drain) {
    (void)loop_->post([this, drain] {
        courier_->stop(loop_->now().steady + drain);
        turn();
    });
}

void Worker::stop(milliseconds drain) {
    if (!thread_.joinable()) return;
    begin_stop(drain);
    thread_.join();
}

}  // namespace narrowgate::daemon
