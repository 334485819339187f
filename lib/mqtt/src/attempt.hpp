// SPDX-License-Identifier: Apache-2.0
//
// One connection attempt and the paho client made for it. A client is used once: one that is used again
// offers the TLS session of its first handshake, and with it perhaps a certificate that was replaced since.
#pragma once

#include <mqtt/async_client.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "narrowgate/mqtt/connection.hpp"
#include "trace_history.hpp"

namespace narrowgate::mqtt {

// Of all attempts of a connection. Thread: any.
struct Inbox {
    std::atomic<std::size_t> unread = 0;
    std::atomic<std::uint64_t> dropped = 0;
};

// What a broker has taught us on an attempt, for those after it. Thread: any.
struct Learned {
    // Its Server Keep Alive in seconds (MQTT 5 section 3.2.2.3.14), which must replace ours; paho 1.3.12 does
    // not do so within the connection. 0: it has none.
    std::atomic<std::uint16_t> keep_alive_seconds{0};
    // It has ended a connection for a topic alias (0x94).
    std::atomic<bool> no_aliases{false};
};

// Thread: begin() and fail_to_dial() the dialer's, the callbacks paho's, all else the connection's owner's.
//
// Locks: `client_mutex_` may be held over calls of paho, which takes its own lock; callbacks come with paho's
// lock held and therefore never take `client_mutex_`, only `event_mutex_`, under which nothing of paho is
// called.
class Attempt {
public:
    // `dialer`, `history` and `learned` outlive this.
    Attempt(std::uint64_t number, const ConnectionOptions& options, Dialer& dialer, TraceHistory& history,
            Learned& learned, const Connection::Post& post, std::shared_ptr<Inbox> inbox);
    ~Attempt();
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    void begin(const Tunnel& tunnel);
    // Of our settings or files.
    void fail_before_dialing(Error error);
    void fail_to_dial(Error error);
    bool publish(std::uint64_t token, const Publish& message);
    bool subscribe(std::uint64_t token, const Subscription& subscription);
    // After it returns no event is posted.
    void mute();
    void disconnect(milliseconds timeout);

private:
    class ConnectListener final : public ::mqtt::iaction_listener {
    public:
        explicit ConnectListener(Attempt& attempt) : attempt_(attempt) {}
        void on_success(const ::mqtt::token& token) override;
        void on_failure(const ::mqtt::token& token) override;

    private:
        Attempt& attempt_;
    };
    class SubscribeListener final : public ::mqtt::iaction_listener {
    public:
        explicit SubscribeListener(Attempt& attempt) : attempt_(attempt) {}
        void on_success(const ::mqtt::token& token) override;
        void on_failure(const ::mqtt::token& token) override;

    private:
        Attempt& attempt_;
    };
    class PublishListener final : public ::mqtt::iaction_listener {
    public:
        explicit PublishListener(Attempt& attempt) : attempt_(attempt) {}
        void on_success(const ::mqtt::token& token) override;
        void on_failure(const ::mqtt::token& token) override;

    private:
        Attempt& attempt_;
    };

    // Posts it unless the attempt is over. The diagnosis of `ended`, and its trace, are kept.
    void emit(Event event, std::optional<TracedAttempt> ended = std::nullopt);
    void note(TraceStep::Kind kind, std::string detail, ReasonCode code);
    void connected(ServerLimits limits);
    void answered(std::uint64_t token, ReasonCode code);
    void refuse(ReasonCode code);
    // From a code that ended the connection, or kept it from being.
    void learn(ReasonCode said);
    void arrived(const ::mqtt::message& message);
    void fail_without_answer(const std::string& library_words);
    void lose(std::optional<ReasonCode> said);
    void end(Event::Kind kind, const Outcome& outcome);
    TracedAttempt traced(const Outcome& outcome) const;

    const std::uint64_t number_;
    const ConnectionOptions options_;
    const SteadyTime began_;
    Dialer& dialer_;
    TraceHistory& history_;
    Learned& learned_;
    const std::shared_ptr<Inbox> inbox_;

    std::mutex event_mutex_;
    Connection::Post post_;
    bool connected_ = false;
    bool over_ = false;
    bool answered_ = false;  // a publish

    std::mutex client_mutex_;
    bool given_up_ = false;
    bool published_ = false;
    // Before the client: paho calls them until it is gone, and from its destructor.
    ConnectListener connect_listener_{*this};
    PublishListener publish_listener_{*this};
    SubscribeListener subscribe_listener_{*this};
    std::unique_ptr<::mqtt::async_client> client_;
};

}  // namespace narrowgate::mqtt
