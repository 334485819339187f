// SPDX-License-Identifier: Apache-2.0
//
// All ingress threads of a gateway. Each node belongs to one of them, told from the first bytes of its
// datagrams and its path; the kernel gives most datagrams to the right one, and whichever gets another's
// hands it over. Their number may change from start to start: sessions belong to whom the rule gives them
// then.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "daemon/ingress/shard.hpp"
#include "narrowgate/io/udp_keeper.hpp"

namespace narrowgate::daemon {

// Thread: the one that made it, unless a call says otherwise.
class Shards final : private Neighbours {
public:
    // What they are made of. References must outlive the shards.
    struct Parts {
        const std::vector<Address>& listen;
        dtls::Options options;  // options.shards of them
        CredentialDirectory& credentials;
        std::shared_ptr<const Policies> policies;
        store::Store& store;
        Log& log;
        AdmissionLimits admission{};                    // of all together
        std::function<void(const Offence&)> offence{};  // called in any shard's thread
        io::UdpKeeper* sockets = nullptr;               // of earlier processes, and for later ones
    };

    // Opens all sockets; nothing is read from them before start().
    static Expected<std::unique_ptr<Shards>> open(Parts parts);
    ~Shards() override;
    Shards(const Shards&) = delete;
    Shards& operator=(const Shards&) = delete;

    std::vector<Address> addresses() const { return shards_.front()->addresses(); }
    std::span<const std::unique_ptr<Shard>> all() const { return shards_; }

    void start();
    // As Shard::stop(), for all at once.
    void stop(milliseconds patience);

    // --- Thread: any, after start().

    // The one that a session of the store belongs to.
    Shard& owner_of(const store::SessionRow& row) const;
    void set_policies(const std::shared_ptr<const Policies>& policies);
    void end_sessions_of(const std::vector<dtls::CredentialId>& credentials);
    // Sessions that the store knows no more end in whichever shard they live. Waits while a shard has too
    // much to do; false when one could not be told within `patience`.
    bool forget(std::vector<dtls::SessionId>&& sessions, milliseconds patience);
    // In order; nothing for a shard that does not answer in time.
    std::vector<std::optional<ShardSnapshot>> snapshots(milliseconds patience);

private:
    explicit Shards(std::uint8_t count, CredentialDirectory& credentials);

    bool hand_over(std::uint8_t owner, const Path& path, ByteView datagram) override;
    void tell_others(std::uint8_t shard, const NewerSession& newer) override;
    void retired(store::CredentialId credential) override;
    void close_surplus();

    const dtls::ShardMap map_;
    dtls::EstablishmentOrder order_;
    CredentialDirectory& credentials_;
    std::vector<std::unique_ptr<Shard>> shards_;  // by number
    // Sockets of a group of more shards than there are now, by number; none once started.
    struct Surplus {
        io::UdpSocket socket;
        std::size_t number;
    };
    std::vector<Surplus> surplus_;
    io::UdpKeeper* sockets_ = nullptr;
};

}  // namespace narrowgate::daemon
