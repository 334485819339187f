// SPDX-License-Identifier: Apache-2.0
//
// getaddrinfo(3) in a thread of its own, because it waits for as long as the system's resolver likes and
// cannot be called back.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/mqtt/options.hpp"
#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

struct LookUpError {
    TraceStep::LookUpFailure kind;
    Error error;
};
using LookUpResult = std::expected<std::vector<Address>, LookUpError>;

// Thread: the loop's. A look-up that still hangs when this goes is left behind: it touches nothing but its
// own state, and ends when the system's resolver gives up.
class Resolver {
public:
    using Done = std::function<void(LookUpResult)>;

    explicit Resolver(io::EventLoop& loop) : loop_(loop) {}
    ~Resolver() { abandon(); }
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // `done` gets the addresses in the order to try, families alternating (RFC 8305 section 4). Replaces what
    // was asked before. A look-up of the same name that is still on its way is waited for, not repeated; of
    // another name, the new one starts when it is over: there is never more than one thread.
    void resolve(const Endpoint& endpoint, Done done);
    // The answer is of no interest any more.
    void cancel() { done_ = nullptr; }

private:
    struct LookUp;
    void start(const Endpoint& endpoint);
    void finished(LookUpResult result);
    void abandon();

    io::EventLoop& loop_;
    std::shared_ptr<LookUp> running_;
    Endpoint wanted_;
    Done done_;
};

}  // namespace narrowgate::mqtt
