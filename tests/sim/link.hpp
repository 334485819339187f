// SPDX-License-Identifier: Apache-2.0
//
// The way between one node and its cell, in virtual time: it delays, loses, repeats and reorders.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim {

struct LinkOptions {
    milliseconds delay{0};   // one way
    milliseconds jitter{0};  // added, evenly drawn from [0, jitter]
    double loss = 0;         // probabilities a datagram, 0 to 1
    double duplication = 0;
    double reorder = 0;           // such a datagram is held back for another `delay` + `jitter`
    std::size_t max_bytes = 512;  // of UDP payload, each way; what is longer is lost (SARA-N2: 512)
};

enum class Direction : std::uint8_t { kUp, kDown };

struct LinkCounts {
    std::uint64_t carried = 0;
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t oversized = 0;

    LinkCounts& operator+=(const LinkCounts& part) {
        carried += part.carried;
        lost += part.lost;
        duplicated += part.duplicated;
        reordered += part.reordered;
        oversized += part.oversized;
        return *this;
    }
};

// Thread: its owner's.
class Link {
public:
    Link(const LinkOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}

    // Puts a datagram on its way.
    void send(Direction direction, ByteView datagram, SteadyTime now);

    // The next datagram that has arrived by `now`, in order of arrival; nothing when none has.
    std::optional<Bytes> take(Direction direction, SteadyTime now);
    std::optional<SteadyTime> next_arrival() const;

    const LinkCounts& counts(Direction direction) const { return lanes_[index(direction)].counts; }

private:
    struct Lane {
        std::multimap<SteadyTime, Bytes> on_the_way;
        LinkCounts counts;
    };
    static constexpr std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }
    bool happens(double probability) { return std::bernoulli_distribution(probability)(random_); }
    SteadyTime::duration transit();

    LinkOptions options_;
    std::mt19937_64 random_;
    Lane lanes_[2];
};

}  // namespace narrowgate::sim
