// SPDX-License-Identifier: Apache-2.0
//
// One upstream's thread: a courier, its link and its loop. Nothing of it waits for another upstream, and
// nobody waits for it but stop().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "daemon/upstream/certificate_keeper.hpp"
#include "daemon/upstream/courier.hpp"
#include "daemon/upstream/link.hpp"
#include "daemon/upstream/profile.hpp"
#include "daemon/upstream/reading_source.hpp"
#include "daemon/upstream/routes.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/io/event_loop.hpp"

namespace narrowgate::daemon {

// Thread: any; calls are handed to its own.
class Worker {
public:
    // Starts the thread, which connects at once. Fails when the process is out of descriptors. `log` outlives
    // it. With `certificates` their files are watched, and changed ones used by themselves.
    static Expected<std::unique_ptr<Worker>> start(CourierOptions options, const OpenLink& open_link,
                                                   std::unique_ptr<ReadingSource> source,
                                                   std::unique_ptr<Profile> profile,
                                                   std::shared_ptr<const Routes> routes, Log& log,
                                                   std::optional<CertificateKeeperOptions> certificates = {});
    // As stop() with nothing to wait for.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // There are new readings. Cheap, and never waits: for the store's writer.
    void wake();
    void update(std::shared_ptr<const Routes> routes);
    // Used from the next connection on, which is made now, or in its turn. Where certificates are watched,
    // none is made when neither settings nor files differ from those in use.
    void update(mqtt::ConnectionOptions options);

    CourierStatus status() const;
    // The present connection's handshake, or that of the last attempt.
    mqtt::ConnectionTrace trace() const { return link_->trace(); }
    // The same, and the last good and the last bad one.
    mqtt::Traces traces() const { return link_->traces(); }
    // Calls `answer` in the worker's thread: for the watchdog.
    void ask(std::function<void()> answer);

    // Publishes nothing more, waits for PUBACKs for `drain` at most, says DISCONNECT (1 s at most) and ends
    // the thread. begin_stop() only begins, so that several drain at once.
    void begin_stop(milliseconds drain);
    void stop(milliseconds drain);

private:
    Worker(CourierOptions options, std::unique_ptr<ReadingSource> source, std::unique_ptr<Profile> profile,
           Log& log, std::unique_ptr<io::EventLoop> loop);
    Expected<void> open(const OpenLink& open_link, std::shared_ptr<const Routes> routes);
    void run();
    void turn();
    // Tells the keeper what has happened, and status of what it knows.
    void keep(CourierStatus& status);

    // Constant after open().
    const CourierOptions options_;
    const std::unique_ptr<ReadingSource> source_;
    const std::unique_ptr<Profile> profile_;
    Log& log_;
    const std::unique_ptr<io::EventLoop> loop_;
    std::unique_ptr<Link> link_;

    // The thread's, once it runs. The courier is there before it: what is committed while the thread starts
    // is live.
    std::unique_ptr<Courier> courier_;
    std::unique_ptr<CertificateKeeper> keeper_;
    std::uint64_t kept_attempt_ = 0;
    io::Source timer_;

    std::atomic<bool> woken_ = false;
    mutable std::mutex status_mutex_;
    CourierStatus status_;

    std::thread thread_;
};

}  // namespace narrowgate::daemon
