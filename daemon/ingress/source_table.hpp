// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of the addresses that handshakes come from: how many are in progress, and how the last
// ones ended. Of constant size: strangers fill it, so a newcomer takes the place of whoever has least to be
// remembered for.
//
// A source is an IPv4 address, or the /64 of an IPv6 address, which is what one customer gets. An IPv4 /24
// would punish neighbours: one address of a carrier's NAT alone stands for thousands of nodes. An attacker
// with many IPv4 addresses meets the rate of the whole gateway instead.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Sixteen bytes: the address, or the /64 with zeros behind it.
using SourcePrefix = std::array<std::uint8_t, 16>;
SourcePrefix prefix_of(const Address& address);

struct Source {
    SourcePrefix prefix{};
    bool used = false;
    std::uint16_t in_progress = 0;
    // Endings, each worth half as much every kHalfLife; as of `counted`.
    float failures = 0;
    float successes = 0;
    SteadyTime counted{};
    SteadyTime not_before{};  // of its next handshake, while it is penalised
    // Failures that have not been reported yet, since when.
    std::uint32_t unreported = 0;
    SteadyTime unreported_since{};
};

// Thread: its owner's. Memory: at most 4096 sources of 64 bytes, in sets of 8 that are made when they are
// needed.
class SourceTable {
public:
    static constexpr std::chrono::minutes kHalfLife{5};
    // A source pays for one that failed only beyond so many, and each success makes up for four: a carrier's
    // NAT with good nodes behind it bears a bad one.
    static constexpr float kFreeFailures = 8;
    static constexpr float kWorthOfSuccess = 4;

    // `seed` keys the places, so that nobody can aim at another's.
    explicit SourceTable(std::uint64_t seed);

    // The source as of `now`; nullptr when nothing is remembered of it.
    Source* find(const SourcePrefix& prefix, SteadyTime now);
    // The same, made when it is not there. nullptr when every candidate for its place has handshakes in
    // progress.
    Source* obtain(const SourcePrefix& prefix, SteadyTime now);

    // How many failures are not made up for; above 0 the source is penalised.
    static float excess(const Source& source) {
        return source.failures - kWorthOfSuccess * source.successes - kFreeFailures;
    }
    // Over the whole table: for status.
    std::size_t penalised(SteadyTime now) const;

private:
    static constexpr std::size_t kSets = 512;
    static constexpr std::size_t kWays = 8;

    using Set = std::array<Source, kWays>;

    // Nothing when no source of it was ever seen.
    std::unique_ptr<Set>& set_of(const SourcePrefix& prefix);
    static void decay(Source& source, SteadyTime now);

    const std::uint64_t seed_;
    std::array<std::unique_ptr<Set>, kSets> sets_;
};

}  // namespace narrowgate::daemon
