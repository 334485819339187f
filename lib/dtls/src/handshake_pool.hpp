// SPDX-License-Identifier: Apache-2.0
//
// The handshakes in progress: a bounded number, by path, by the CID that they handed out, and by their
// timers.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "handshake.hpp"
#include "narrowgate/base/pool_load.hpp"

namespace narrowgate::dtls {

class HandshakePool {
public:
    explicit HandshakePool(std::size_t capacity);

    bool full() const { return by_path_.size() >= capacity_; }
    std::size_t size() const { return by_path_.size(); }
    PoolLoad load() const { return {by_path_.size(), capacity_}; }

    // Null when there is none.
    Handshake* find(const Path& path) const;
    Handshake* find_cid(ByteView cid) const;

    // There must be room, and no handshake on this path.
    Handshake& add(std::unique_ptr<Handshake> handshake);
    // After the handshake was given anything: its timer may have moved.
    void reschedule(Handshake& handshake);
    // Takes it out; it lives on with the caller.
    std::unique_ptr<Handshake> take(Handshake& handshake);

    std::optional<SteadyTime> next_deadline() const;
    // One whose timer has run out; null when there is none (left).
    Handshake* due(SteadyTime now) const;

    template <class Predicate>
    Handshake* find_if(Predicate predicate) const {
        for (const auto& [path, entry] : by_path_) {
            if (predicate(*entry.handshake)) return entry.handshake.get();
        }
        return nullptr;
    }

private:
    struct PathHash {
        std::uint64_t seed;
        std::size_t operator()(const Path& path) const { return hash_of(path, seed); }
    };
    struct Entry {
        std::unique_ptr<Handshake> handshake;
        std::optional<SteadyTime> scheduled;
    };

    std::size_t capacity_;
    std::unordered_map<Path, Entry, PathHash> by_path_;
    std::unordered_map<std::uint64_t, Handshake*> by_cid_;  // CIDs are ours and random: nobody can aim
    std::set<std::pair<SteadyTime, Handshake*>> timers_;
};

}  // namespace narrowgate::dtls
