// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/source_table.hpp"

#include <algorithm>
#include <cmath>

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kBytesOf64 = 8;

}  // namespace

SourcePrefix prefix_of(const Address& address) {
    SourcePrefix prefix = address.ip;
    if (!address.is_v4()) std::fill(prefix.begin() + kBytesOf64, prefix.end(), std::uint8_t{0});
    return prefix;
}

SourceTable::SourceTable(std::uint64_t seed) : seed_(seed) {}

std::unique_ptr<SourceTable::Set>& SourceTable::set_of(const SourcePrefix& prefix) {
    Path path;
    path.remote.ip = prefix;
    return sets_[hash_of(path, seed_) % kSets];
}

void SourceTable::decay(Source& source, SteadyTime now) {
    const std::chrono::duration<float> passed = now - source.counted;
    if (passed < seconds(1)) return;  // small steps would only round
    const float left = std::exp2(-passed / std::chrono::duration<float>(kHalfLife));
    source.failures *= left;
    source.successes *= left;
    source.counted = now;
}

Source* SourceTable::find(const SourcePrefix& prefix, SteadyTime now) {
    const std::unique_ptr<Set>& set = set_of(prefix);
    if (set == nullptr) return nullptr;
    const auto found = std::ranges::find_if(
        *set, [&prefix](const Source& source) { return source.used && source.prefix == prefix; });
    if (found == set->end()) return nullptr;
    decay(*found, now);
    return &*found;
}

Source* SourceTable::obtain(const SourcePrefix& prefix, SteadyTime now) {
    if (Source* known = find(prefix, now)) return known;
    std::unique_ptr<Set>& set = set_of(prefix);
    if (set == nullptr) set = std::make_unique<Set>();
    // To push out one that is penalised, a stranger would have to fail as often from seven other sources.
    Source* least = nullptr;
    for (Source& source : *set) {
        if (!source.used) {
            least = &source;
            break;
        }
        if (source.in_progress > 0) continue;
        decay(source, now);
        const auto weight = [](const Source& of) { return of.failures + of.successes; };
        if (least == nullptr || weight(source) < weight(*least)) least = &source;
    }
    if (least == nullptr) return nullptr;
    *least = Source{.prefix = prefix, .used = true, .counted = now};
    return least;
}

std::size_t SourceTable::penalised(SteadyTime now) const {
    std::size_t count = 0;
    for (const std::unique_ptr<Set>& set : sets_) {
        if (set == nullptr) continue;
        for (Source source : *set) {
            decay(source, now);
            if (source.used && excess(source) > 0) ++count;
        }
    }
    return count;
}

}  // namespace narrowgate::daemon
