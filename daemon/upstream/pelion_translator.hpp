// SPDX-License-Identifier: Apache-2.0
//
// What is known of the protocol translator behind the broker. It says nothing by itself: whether it runs, has
// lost its nodes or has become deaf is found out by asking it to start, again and again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/upstream/pelion_message.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class PelionTranslator {
public:
    // What nodes have to be told.
    enum class News : std::uint8_t {
        kNone,
        kFresh,  // it knows no node: each must be registered anew
        kBack,   // it answers again and knows its nodes, but may have missed values
        kGone,   // it does not answer
    };

    // `requests`: the beginning of request ids, no other client's.
    PelionTranslator(std::string requests, milliseconds answer_timeout, milliseconds probe_interval);

    void connected(SteadyTime now);
    void disconnected();
    News turn(SteadyTime now);
    // The four kinds of answers that are about the translator; answers to others' requests are nothing to us.
    News heard(const TranslatorAnswer& answer, SteadyTime now);

    // The id of a start_pt that is due now, once.
    std::optional<std::string> next_request();
    // Asks as soon as possible.
    void probe(SteadyTime now);

    // It is registered and takes values.
    bool is_ready() const { return phase_ == Phase::kReady; }
    // Whether we have seen it start: then no node was registered but by us.
    bool saw_start() const { return saw_start_; }
    // When it last showed that it hears us.
    std::optional<SteadyTime> last_answer() const { return last_answer_; }
    std::uint64_t starts() const { return starts_; }
    std::optional<SteadyTime> deadline() const;
    // Why it is not ready, in words, with what to do; empty when it is.
    const std::string& trouble() const { return trouble_; }

private:
    enum class Phase : std::uint8_t {
        kOffline,      // there is no connection
        kStarting,     // asked, or waiting to ask again
        kRegistering,  // it starts, and registers at Edge Core
        kReady,
    };

    void ready(SteadyTime now);
    void ask_again(SteadyTime now);
    News lost(std::string trouble, SteadyTime now);

    const std::string requests_;
    const milliseconds answer_timeout_;
    const milliseconds probe_interval_;

    Phase phase_ = Phase::kOffline;
    std::uint64_t request_ = 0;
    SteadyTime now_{};
    std::optional<SteadyTime> ask_at_;
    std::optional<SteadyTime> asked_;  // a request is unanswered
    std::optional<SteadyTime> registering_;
    std::optional<SteadyTime> last_answer_;
    unsigned misses_ = 0;
    bool may_have_missed_ = false;  // values
    bool saw_start_ = false;
    std::uint64_t starts_ = 0;
    std::string trouble_;
};

}  // namespace narrowgate::daemon
