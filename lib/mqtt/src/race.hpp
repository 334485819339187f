// SPDX-License-Identifier: Apache-2.0
//
// TCP to the first of several addresses that answers (RFC 8305 section 5): each gets a head start over the
// next, and a failure starts the next at once.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/io/file_descriptor.hpp"
#include "narrowgate/mqtt/dialer.hpp"
#include "trace_log.hpp"

namespace narrowgate::mqtt {

// Thread: the loop's. Destroying it gives all up; `done` is not called then.
class ConnectRace {
public:
    using Done = std::function<void(Expected<io::FileDescriptor>)>;

    // `done` is called once, never from within the constructor. `trace` outlives the race.
    ConnectRace(io::EventLoop& loop, const DialerOptions& options, std::vector<Address> addresses,
                TraceLog& trace, Done done);

private:
    struct Runner {
        Address address;
        io::FileDescriptor fd;
        io::Source source;
    };

    void start_next();
    void answered(std::list<Runner>::iterator runner);
    void lost(const Address& address, int error_number);
    void finish(Expected<io::FileDescriptor> result);

    io::EventLoop& loop_;
    const DialerOptions& options_;
    TraceLog& trace_;
    std::vector<Address> addresses_;
    std::size_t next_ = 0;
    std::list<Runner> runners_;
    std::string failures_;
    io::Source head_start_;
    io::Source deadline_;
    Done done_;
};

}  // namespace narrowgate::mqtt
