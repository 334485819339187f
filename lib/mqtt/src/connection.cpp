// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/connection.hpp"

#include <utility>

#include "attempt.hpp"

namespace narrowgate::mqtt {

class Connection::Impl {
public:
    Impl(ConnectionOptions options, Post post, std::unique_ptr<Dialer> dialer)
        : options_(std::move(options)), post_(std::move(post)), dialer_(std::move(dialer)) {}
    ~Impl() { drop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    std::uint64_t connect();
    bool publish(std::uint64_t token, const Publish& message) {
        return attempt_ != nullptr && attempt_->publish(token, message);
    }
    bool subscribe(std::uint64_t token, const Subscription& subscription) {
        return attempt_ != nullptr && attempt_->subscribe(token, subscription);
    }
    std::uint64_t dropped_messages() const { return inbox_->dropped; }
    void disconnect(milliseconds timeout) {
        if (attempt_) attempt_->disconnect(timeout);
        drop();
    }
    void set_options(ConnectionOptions options) {
        // Another broker has to be learned anew.
        if (options.url != options_.url) {
            learned_.keep_alive_seconds = 0;
            learned_.no_aliases = false;
        }
        options_ = std::move(options);
    }
    ConnectionTrace trace() const { return dialer_->trace(); }
    Traces traces() const { return history_.with(dialer_->trace()); }

private:
    // The client goes before the tunnel that it speaks through.
    void drop() {
        if (!attempt_) return;
        attempt_->mute();
        attempt_.reset();
        dialer_->close();
    }

    ConnectionOptions options_;
    const Post post_;
    // Before the dialer, whose thread may hold an attempt to its end.
    Learned learned_;
    TraceHistory history_;
    const std::unique_ptr<Dialer> dialer_;
    std::uint64_t number_ = 0;
    const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
    std::shared_ptr<Attempt> attempt_;
    // Never connected. paho ends its threads with its last client and starts them with its first, which races
    // with clients that others make meanwhile; as long as this one lives there is no last.
    const ::mqtt::async_client anchor_{
        "tcp://127.0.0.1:1", "anchor",
        ::mqtt::create_options_builder().mqtt_version(MQTTVERSION_5).finalize(), nullptr};
};

std::uint64_t Connection::Impl::connect() {
    drop();
    attempt_ = std::make_shared<Attempt>(++number_, options_, *dialer_, history_, learned_, post_, inbox_);
    std::vector<Error> problems = problems_of(options_, SystemClock{}.now().wall);
    if (!problems.empty()) {
        attempt_->fail_before_dialing(std::move(problems.front()));
        return number_;
    }
    // The dialer's thread may come too late: it holds the attempt only while it begins it.
    dialer_->dial(*endpoint_of(options_.url), options_.connect_timeout,
                  [weak = std::weak_ptr<Attempt>(attempt_)](Expected<Tunnel> tunnel) {
                      const auto attempt = weak.lock();
                      if (!attempt) return;
                      if (tunnel) {
                          attempt->begin(*tunnel);
                      } else {
                          attempt->fail_to_dial(std::move(tunnel.error()));
                      }
                  });
    return number_;
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Expected<std::unique_ptr<Connection>> Connection::open(ConnectionOptions options, Post post,
                                                       const DialerOptions& dialer_options) {
    auto dialer = Dialer::open(options.name, dialer_options);
    if (!dialer) return std::unexpected(std::move(dialer.error()));
    try {
        return std::unique_ptr<Connection>(
            new Connection(std::make_unique<Impl>(std::move(options), std::move(post), std::move(*dialer))));
    } catch (const ::mqtt::exception& error) {
        return failure(std::string("the MQTT library does not start: ") + error.what(), "free some memory");
    }
}

std::uint64_t Connection::connect() {
    return impl_->connect();
}
bool Connection::publish(std::uint64_t token, const Publish& message) {
    return impl_->publish(token, message);
}
bool Connection::subscribe(std::uint64_t token, const Subscription& subscription) {
    return impl_->subscribe(token, subscription);
}
std::uint64_t Connection::dropped_messages() const {
    return impl_->dropped_messages();
}
void Connection::disconnect(milliseconds timeout) {
    impl_->disconnect(timeout);
}
void Connection::set_options(ConnectionOptions options) {
    impl_->set_options(std::move(options));
}
ConnectionTrace Connection::trace() const {
    return impl_->trace();
}
Traces Connection::traces() const {
    return impl_->traces();
}

}  // namespace narrowgate::mqtt
