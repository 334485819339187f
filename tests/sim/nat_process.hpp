// SPDX-License-Identifier: Apache-2.0
//
// A Nat on real sockets: nodes speak to one UDP address, and each mapping has a socket of its own towards the
// gateway, on the same IP address.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/file_descriptor.hpp"
#include "sim/nat.hpp"
#include "sim/poller.hpp"
#include "sim/recording.hpp"

namespace narrowgate::sim {

struct NatProcessOptions {
    Address listen;              // where nodes find it; port 0: any that is free
    NatOptions nat;              // its gateway too
    std::string recording_path;  // empty: none
    std::uint64_t seed = 1;
};

// Thread: its owner's.
class NatProcess {
public:
    // Opens the nodes' socket and the recording. SIGTERM, SIGINT and SIGUSR1 must be blocked in the process.
    static Expected<std::unique_ptr<NatProcess>> make(const NatProcessOptions& options);

    // Where it listens.
    const Address& address() const { return address_; }

    // Until SIGTERM or SIGINT; SIGUSR1 rebinds all nodes. Fails when the recording could not be written.
    Expected<void> run();

    const Nat& nat() const { return nat_; }

private:
    struct Outside {
        FileDescriptor socket;
        std::uint16_t port = 0;  // of UDP
    };

    explicit NatProcess(const NatProcessOptions& options);

    Expected<FileDescriptor> open_socket(Address& address, std::uint64_t tag);
    Outside* outside(std::uint16_t number);
    void read_inside(Now now);
    void read_outside(std::uint16_t number, Now now);
    bool read_signals(Now now);
    void deliver(Nat::Passage& passage, Now now);
    void record(Recorded::Kind kind, Now now, const Address& inside, std::uint16_t port, ByteView datagram);

    const NatProcessOptions options_;
    SystemClock clock_;
    Nat nat_;
    Address address_;
    Poller poller_;
    FileDescriptor inside_;
    std::vector<Outside> outside_;  // by the engine's numbers, the attacker's ports too; opened at first use
    std::optional<RecordingWriter> recording_;
};

}  // namespace narrowgate::sim
