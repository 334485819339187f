// SPDX-License-Identifier: Apache-2.0
//
// Sessions and credentials that a start has not loaded yet, looked up on disk one by one. Strangers can make
// us look, so what they can ask for is bounded by a bucket of tokens; the node behind a refusal sends again.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "daemon/devices/credential_shelf.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/token_bucket.hpp"
#include "narrowgate/dtls/session_shelf.hpp"
#include "narrowgate/dtls/shard_map.hpp"
#include "narrowgate/store/loading.hpp"

namespace narrowgate::daemon {

// A million nodes that report once an hour are 280 records a second, and in the worst case each is for a
// session that is not loaded yet. A look-up takes 0.1 ms when the disk is slow to answer: so at this rate a
// shard spends a twentieth of its time at most on strangers who make connection IDs up.
inline constexpr double kLookUpsPerSecond = 500;
// What came while nothing was read, at the moment of the start.
inline constexpr double kLookUpsAtOnce = 250;

// Thread: its shard's.
class DiskSessionShelf final : public dtls::SessionShelf {
public:
    struct Outside {
        std::function<seconds()> service_time;
        // Called before a session is handed out, so that what belongs to it is there first.
        std::function<void(store::SessionId)> found;
    };

    // For the sessions that `map` gives to shard `shard`. `map` and `clock` must outlive the shelf.
    DiskSessionShelf(std::unique_ptr<store::SessionReader> reader, const dtls::ShardMap& map,
                     std::uint8_t shard, const Clock& clock, Outside outside);

    bool find_by_cid(ByteView cid, dtls::SessionRecord& out) override;
    void find_by_path(const Path& path, std::vector<dtls::SessionRecord>& out) override;
    void find_of(dtls::CredentialId credential, std::vector<dtls::SessionRecord>& out) override;

private:
    bool is_mine(const store::SessionRow& row) const;
    dtls::SessionRecord hand_out(store::SessionRow&& row) const;

    const std::unique_ptr<store::SessionReader> reader_;
    const dtls::ShardMap& map_;
    const std::uint8_t shard_;
    const Clock& clock_;
    const Outside outside_;
    TokenBucket strangers_{kLookUpsPerSecond, kLookUpsAtOnce};
};

// One for all shards, who wait for each other here. Thread: any.
class DiskCredentialShelf final : public CredentialShelf {
public:
    // `clock` must outlive the shelf.
    DiskCredentialShelf(std::unique_ptr<store::CredentialReader> reader, const Clock& clock);

    bool find(ByteView identity, store::CredentialRow& out) override;
    // Not metered: asked for after an authentic record.
    bool find(store::CredentialId credential, store::CredentialRow& out) override;

private:
    std::mutex mutex_;
    const std::unique_ptr<store::CredentialReader> reader_;
    const Clock& clock_;
    TokenBucket strangers_{kLookUpsPerSecond, kLookUpsAtOnce};
};

}  // namespace narrowgate::daemon
