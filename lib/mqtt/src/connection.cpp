// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/connection.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "attempt.hpp"

namespace narrowgate::mqtt {

class Connection::Impl {
public:
    Impl(ConnectionOptions options, Post post, std::unique_ptr<Dialer> dialer)
        : options_(std::move(options)),
          post_([this, post = std::move(post)](Event&& event) {
              if (event.kind == Event::Kind::kConnected && event.limits.keep_alive)
                  server_keep_alive_ = event.limits.keep_alive->count();
              post(std::move(event));
          }),
          dialer_(std::move(dialer)) {}
    ~Impl() { drop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    std::uint64_t connect();
    bool publish(std::uint64_t token, const Publish& message) {
        return attempt_ != nullptr && attempt_->publish(token, message);
    }
    void disconnect(milliseconds timeout) {
        if (attempt_) attempt_->disconnect(timeout);
        drop();
    }
    void set_options(ConnectionOptions options) { options_ = std::move(options); }
    ConnectionTrace trace() const { return dialer_->trace(); }

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
    const std::unique_ptr<Dialer> dialer_;
    // Seconds; 0: the server has asked for none. paho does not heed what a CONNACK asks for (MQTT 5 section
    // 3.2.2.3.14), so the next CONNECT offers it. Written by paho's thread.
    std::atomic<seconds::rep> server_keep_alive_ = 0;
    std::uint64_t number_ = 0;
    std::shared_ptr<Attempt> attempt_;
    // Never connected. paho ends its threads with its last client and starts them with its first, which races
    // with clients that others make meanwhile; as long as this one lives there is no last.
    const ::mqtt::async_client anchor_{
        "tcp://127.0.0.1:1", "anchor",
        ::mqtt::create_options_builder().mqtt_version(MQTTVERSION_5).finalize(), nullptr};
};

std::uint64_t Connection::Impl::connect() {
    drop();
    ConnectionOptions options = options_;
    if (const seconds wanted{server_keep_alive_}; wanted.count() > 0)
        options.keep_alive = std::min(options.keep_alive, wanted);
    attempt_ = std::make_shared<Attempt>(++number_, options, *dialer_, post_);
    std::vector<Error> problems = problems_of(options_, SystemClock{}.now().wall);
    if (!problems.empty()) {
        attempt_->fail(std::move(problems.front()));
        return number_;
    }
    // The dialer's thread may come too late: it holds the attempt only while it begins it.
    dialer_->dial(*endpoint_of(options_.url), [weak = std::weak_ptr<Attempt>(attempt_),
                                               name = options_.name](Expected<Tunnel> tunnel) {
        const auto attempt = weak.lock();
        if (!attempt) return;
        if (tunnel) {
            attempt->begin(*tunnel);
        } else {
            attempt->fail({"upstream " + name + ": " + tunnel.error().what, tunnel.error().cure});
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
void Connection::disconnect(milliseconds timeout) {
    impl_->disconnect(timeout);
}
void Connection::set_options(ConnectionOptions options) {
    impl_->set_options(std::move(options));
}
ConnectionTrace Connection::trace() const {
    return impl_->trace();
}

}  // namespace narrowgate::mqtt
