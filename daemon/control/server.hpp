// SPDX-License-Identifier: Apache-2.0
//
// The control socket: a Unix stream socket of mode 0660 in the runtime directory. A client sends one request
// line, gets one answer line, and is gone. Who may open the socket may do everything.
#pragma once

#include <filesystem>
#include <memory>

#include "daemon/control/calls.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/io/event_loop.hpp"

namespace narrowgate::daemon {

struct ControlLimits {
    // Clients at a time; a further one takes the place of the oldest.
    std::size_t max_clients = 16;
    std::size_t max_request_bytes = kMaxControlRequestBytes;
    // For a client's whole visit: a slow one is shown the door.
    milliseconds patience = seconds(10);
};

// Thread: the loop's.
class ControlServer {
public:
    // Listens at `socket`, whose directory is made (0750) when there is none; a socket that nobody serves any
    // more is replaced. Fails when another process serves it, or the directory cannot be written. `calls` are
    // answered in the loop's thread. All but `socket` must outlive the server.
    static Expected<std::unique_ptr<ControlServer>> open(io::EventLoop& loop,
                                                         const std::filesystem::path& socket,
                                                         const ControlCalls& calls, Log& log,
                                                         ControlLimits limits = {});
    // Ends every client and removes the socket.
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    std::size_t clients() const;

private:
    struct Impl;
    explicit ControlServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate::daemon
