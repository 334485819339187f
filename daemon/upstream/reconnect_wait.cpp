// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/reconnect_wait.hpp"

namespace narrowgate::daemon {
namespace {

// A publish that ends the connection is looked for at the usual pace; when no connection of these takes any,
// it is not one publish.
constexpr unsigned kTriesWithoutDelivery = 3;

}  // namespace

ReconnectWait::ReconnectWait(const ReconnectOptions& options, std::uint64_t seed)
    : options_(options),
      usual_(options.usual, seed),
      brief_(options.brief, seed + 1),
      spread_(options.spread, seed + 2),
      quota_(options.quota, seed + 3),
      person_(options.person, seed + 4),
      duplicate_(options.duplicate, seed + 5) {}

milliseconds ReconnectWait::after(const Ended& ended) {
    stands(ended.stood);
    if (ended.delivered) {
        usual_.reset();
        quota_.reset();
        person_.reset();
    }
    switch (ended.reaction) {
        case mqtt::Reaction::kSpread:
            return spread_.next();
        case mqtt::Reaction::kWaitLonger:
            return quota_.next();
        case mqtt::Reaction::kOperator:
            return person_.next();
        case mqtt::Reaction::kDuplicate:
            return duplicate_.next();
        case mqtt::Reaction::kBlamePublish:
            if (!ended.delivered && usual_.failures() >= kTriesWithoutDelivery) return person_.next();
            break;
        default:
            break;
    }
    // One publish less is in the way. Brokers that close behind each refusal (mosquitto 2.0.11 does at times)
    // would else be hours over a handful; refusals that never end pause the upstream.
    if (ended.refused) return options_.usual.floor;
    const bool brief = ended.delivered && ended.stood < options_.stable_after;
    return brief ? brief_.next() : usual_.next();
}

void ReconnectWait::stands(std::chrono::nanoseconds time) {
    if (time >= options_.stable_after) start_over();
    if (time >= options_.undisputed_after) duplicate_.reset();
}

void ReconnectWait::start_over() {
    for (Backoff* const backoff : {&usual_, &brief_, &spread_, &quota_, &person_})
        backoff->reset();
}

}  // namespace narrowgate::daemon
