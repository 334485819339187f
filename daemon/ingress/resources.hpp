// SPDX-License-Identifier: Apache-2.0
//
// What a node may ask for: telemetry on the resources of its fleet, the time, and the list of both. Turns a
// request into the reply it gets once its commit is durable, and the reading to be committed.
#pragma once

#include <optional>
#include <string_view>

#include "daemon/ingress/policies.hpp"
#include "daemon/ingress/rate_limiter.hpp"
#include "daemon/ingress/spread.hpp"
#include "narrowgate/coap/block_uploads.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// Who asks, and through what. Views live as long as the call.
struct Asker {
    std::string_view device;
    std::string_view fleet;
    const FleetPolicy* policy = nullptr;    // nothing: the configuration has no such fleet
    std::size_t max_application_bytes = 0;  // in one datagram of the session
    bool overloaded = false;                // the gateway takes no more readings now
};

// `reply` is empty when the node wants none. With a reading, the reply holds only if the reading is
// committed.
struct Answer {
    Bytes reply;
    std::optional<store::NewReading> reading{};
    // The Block1 upload that the reading came in, to be released when it is committed.
    std::optional<coap::BlockUploads::UploadId> upload{};
    bool overloaded = false;  // a reading was refused because the gateway takes no more now
};

// Thread: its shard's.
class Resources {
public:
    // `seed` decides how nodes that have to come back later are spread.
    explicit Resources(std::uint64_t seed) : spread_(seed) {}

    Answer answer(const coap::Request& request, const Asker& asker, const Policies& policies, Now now);

    // The reading finds no place: 5.03, to be tried again after `retry_after` and up to `spread` more.
    Bytes refused(const coap::Asked& asked, seconds retry_after, seconds spread);

    void release(coap::BlockUploads::UploadId upload) { uploads_.release(upload); }
    // The reading of an answer could not be committed: it does not count.
    void not_committed(dtls::SessionId session) { limiter_.give_back(session); }
    void forget(dtls::SessionId session);
    void expire(Now now);
    const coap::BlockUploads& uploads() const { return uploads_; }
    // Sessions that sent lately.
    std::size_t limited() const { return limiter_.size(); }

private:
    Answer telemetry(const coap::Request& request, const Asker& asker, Now now);
    static Answer time(const coap::Request& request, Now now);
    static Answer well_known_core(const coap::Request& request, const Asker& asker);

    coap::BlockUploads uploads_;
    RateLimiter limiter_;
    Spread spread_;
};

}  // namespace narrowgate::daemon
