// SPDX-License-Identifier: Apache-2.0
//
// UDP sockets that go on while the process is replaced. The service manager holds a copy of each under a name
// that says its place in its group: what arrives between two processes waits in it, and the kernel's numbers
// stay as they were, so that steering does too.
#pragma once

#include <cstddef>
#include <vector>

#include "narrowgate/io/service_manager.hpp"
#include "narrowgate/io/udp_socket.hpp"

namespace narrowgate::io {

// Thread: one at a time.
class UdpKeeper {
public:
    // `descriptors` are what an earlier process left with the manager (ServiceManager::take_kept()).
    // `manager` must outlive the keeper.
    UdpKeeper(const ServiceManager& manager, std::vector<KeptDescriptor> descriptors);
    UdpKeeper(const UdpKeeper&) = delete;
    UdpKeeper& operator=(const UdpKeeper&) = delete;

    // Those of the group on this address, by number from 0 on. Behind a number that is missing the kernel's
    // numbers are unknown: such sockets are closed.
    std::vector<UdpSocket> take(const Address& listen);
    // Leaves copies with the manager of the sockets of a group from number `first` on: of those that take()
    // gave it has one.
    void keep(const std::vector<UdpSocket>& group, std::size_t first) const;
    // Closes what nobody has taken: sockets on addresses that are no longer listened on.
    void finish();
    // Has the manager close its copy, so that the caller's is the last one.
    void release(const UdpSocket& socket, std::size_t number) const;

private:
    struct Kept {
        std::size_t number;
        UdpSocket socket;
    };

    const ServiceManager& manager_;
    std::vector<Kept> kept_;  // by number
};

}  // namespace narrowgate::io
