// SPDX-License-Identifier: Apache-2.0
//
// All nodes of the process in one loop.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "boards/host/file_descriptor.hpp"
#include "boards/host/machine.hpp"

namespace narrowgate::host {

// Thread: its owner's.
class Fleet {
public:
    // SIGTERM, SIGINT and SIGUSR1 must be blocked in the process. Fails with a line that says why.
    static std::expected<std::unique_ptr<Fleet>, std::string> make(const Options& options,
                                                                   std::vector<Identity> identities);

    // Until the duration's end or SIGTERM or SIGINT, and then until all is acknowledged or the drain is over.
    // Prints the counts at first, at SIGUSR1, each report interval, and last with "final". True when all that
    // was measured has been acknowledged, refused or dropped.
    bool run();

private:
    struct Place {
        std::unique_ptr<Machine> machine;
        std::uint64_t deadline_ms = 0;
        int watched_fd = -1;
    };

    explicit Fleet(const Options& options) : options_(options) {}
    std::expected<void, std::string> open();
    bool watch(int fd, std::uint64_t tag);
    void settle(std::size_t index);
    void read_signals(std::uint64_t now_ms);
    void report(bool final);
    bool is_done() const;

    const Options options_;
    FileDescriptor epoll_, signals_, events_;
    std::vector<Place> places_;
    std::set<std::pair<std::uint64_t, std::size_t>> deadlines_;
    std::uint64_t began_ms_ = 0;
    std::uint64_t stop_at_ms_ = UINT64_MAX;  // measuring
    std::uint64_t give_up_ms_ = UINT64_MAX;
    bool measures_ = true;
};

}  // namespace narrowgate::host
