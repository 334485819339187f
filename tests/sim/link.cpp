// SPDX-License-Identifier: Apache-2.0
#include "sim/link.hpp"

#include <algorithm>

namespace narrowgate::sim {

SteadyTime::duration Link::transit() {
    const auto jitter = std::uniform_int_distribution<milliseconds::rep>(0, options_.jitter.count())(random_);
    return options_.delay + milliseconds(jitter);
}

void Link::send(Direction direction, ByteView datagram, SteadyTime now) {
    Lane& lane = lanes_[index(direction)];
    if (datagram.size() > options_.max_bytes) {
        ++lane.counts.oversized;
        return;
    }
    const bool twice = happens(options_.duplication);
    if (twice) ++lane.counts.duplicated;
    for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
        if (happens(options_.loss)) {
            ++lane.counts.lost;
            continue;
        }
        SteadyTime arrival = now + transit();
        if (happens(options_.reorder)) {
            ++lane.counts.reordered;
            arrival += transit();
        }
        ++lane.counts.carried;
        lane.on_the_way.emplace(arrival, Bytes(datagram.begin(), datagram.end()));
    }
}

std::optional<Bytes> Link::take(Direction direction, SteadyTime now) {
    auto& on_the_way = lanes_[index(direction)].on_the_way;
    if (on_the_way.empty() || on_the_way.begin()->first > now) return std::nullopt;
    Bytes datagram = std::move(on_the_way.begin()->second);
    on_the_way.erase(on_the_way.begin());
    return datagram;
}

std::optional<SteadyTime> Link::next_arrival() const {
    std::optional<SteadyTime> next;
    for (const Lane& lane : lanes_) {
        if (lane.on_the_way.empty()) continue;
        const SteadyTime first = lane.on_the_way.begin()->first;
        next = next ? std::min(*next, first) : first;
    }
    return next;
}

}  // namespace narrowgate::sim
