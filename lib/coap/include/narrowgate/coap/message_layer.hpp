// SPDX-License-Identifier: Apache-2.0
//
// The CoAP server without its sockets: bytes of one authenticated record in, a request or a reply out.
// Reliability and rejection as in RFC 7252 section 4, options as in section 5.4, No-Response as in RFC 7967.
//
// Nothing is sent before the commit that holds the record's receive mark. So an exchange has two halves:
//
//     auto verdict = layer.receive(session, bytes, fleet.coap, now);
//     // Nothing: commit the mark.  Reply: commit the mark, then send reply.bytes.
//     // Request: find the answer, reply = respond(request.asked, response); commit mark, reading, and
//     //   (asked.session, asked.mid, reply, asked.remembered_until); then
//     //   layer.complete(asked, reply) and send reply unless it is empty; or, when the commit failed,
//     //   layer.abandon(asked), or complete() with a 5.03.
//
// Duplicates that arrive between the halves are swallowed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/coap/blockwise.hpp"
#include "narrowgate/coap/codec.hpp"
#include "narrowgate/coap/exchanges.hpp"
#include "narrowgate/coap/numbers.hpp"
#include "narrowgate/coap/uri_path.hpp"

namespace narrowgate::coap {

// What a fleet decides about its nodes' messages.
struct MessageOptions {
    TransmissionParameters transmission{};
    bool split_uri_path = false;  // see UriPath::of
};

// What must be kept of a request to answer it: a small value that outlives the datagram.
struct Asked {
    SessionId session = 0;
    MessageType type = MessageType::kConfirmable;
    std::uint16_t mid = 0;
    std::uint8_t token_bytes = 0;
    std::array<std::uint8_t, kMaxTokenBytes> token{};
    std::uint8_t no_response = 0;  // RFC 7967 section 2.1: bits of the response classes not wanted
    WallTime remembered_until{};   // when a duplicate can no longer come; for Exchanges::restore()

    ByteView token_view() const { return ByteView(token).first(token_bytes); }
};

// A new request whose options are all understood. All views are into the datagram.
struct Request {
    Asked asked;
    Code method = Code::kGet;  // 0.01 to 0.31, known or not
    UriPath path;
    std::optional<std::uint16_t> content_format;
    std::optional<std::uint16_t> accept;
    std::optional<BlockOption> block1;
    std::optional<BlockOption> block2;
    std::optional<std::uint32_t> size1;  // bytes of the whole body, as announced
    std::optional<WallTime> time;        // by the node's clock; 1970 when it has none
    ByteView payload;
    MessageView message;  // the whole, for other options
};

struct Nothing {};

// To be sent after the record's commit. Never empty, never larger than kLongestResponseHeadBytes and a
// diagnostic, unless it is a stored reply given again.
struct Reply {
    Bytes bytes;
};

using Verdict = std::variant<Nothing, Reply, Request>;

struct Response {
    Code code = Code::kChanged;
    std::optional<std::uint16_t> content_format{};
    std::optional<seconds>
        max_age{};  // with 4.29 and 5.03: when to try again (RFC 8516, RFC 7252 section 5.9.3.4)
    std::optional<std::uint32_t> size1{};
    std::optional<std::uint32_t> size2{};
    std::optional<BlockOption> block1{};
    std::optional<BlockOption> block2{};
    std::optional<ETag> etag{};
    std::optional<WallTime> time{};  // for a node whose clock is wrong
    ByteView payload{};
};

// A response with the code's diagnostic payload (diagnostics.hpp).
Response refusal(Code code);

// The bytes of the reply: piggybacked on the ACK of a CON; a NON of its own for a NON. When the client does
// not want this class of response, an empty ACK for a CON and no bytes for a NON; 2.31 Continue is always
// given, since no upload could go on without it. A NON reply carries the request's own message ID: the two
// directions' IDs are separate spaces (RFC 7252 section 4.4), and a request is answered once, so ours are as
// unique as the node's, and need no counter to survive a restart. Thread: any.
Bytes respond(const Asked& asked, const Response& response);

// What became of a message; each value has a counter of the same name.
enum class MessageFate : std::uint8_t {
    kRequest,
    kDuplicateAnswered,
    kDuplicateInProgress,
    kPing,                // empty CON: answered by RST (RFC 7252 section 4.3)
    kStray,               // ACK, RST, empty NON: nothing of ours is waiting for one
    kMalformed,           // RST for a CON, silence for others (RFC 7252 sections 4.2 and 4.3)
    kUnexpectedResponse,  // likewise
    kBadOption,           // a critical option that is not understood, repeated or of a wrong length: 4.02, or
                          // silence for a NON (RFC 7252 section 5.4.1)
    kBadBlock,            // Block1 or Block2 with the reserved size: 4.00 (RFC 7959 section 2.2)
    kProxyRequest,        // 5.05 (RFC 7252 section 5.10.2)
};
inline constexpr std::size_t kMessageFates = 10;

constexpr bool is_duplicate(MessageFate fate) {
    return fate == MessageFate::kDuplicateAnswered || fate == MessageFate::kDuplicateInProgress;
}

std::string_view name_of(MessageFate fate);

// Thread: one; an object of an ingress shard.
class MessageLayer {
public:
    explicit MessageLayer(ExchangeLimits limits = {}) : exchanges_(limits) {}

    // Takes the application data of one record. Only a Request leaves something behind: an exchange in
    // progress, to be ended by complete() or abandon().
    Verdict receive(SessionId session, ByteView datagram, const MessageOptions& options, Now now);

    // See Exchanges for these.
    void complete(const Asked& asked, ByteView reply);
    void abandon(const Asked& asked);
    void restore(SessionId session, std::uint16_t mid, ByteView reply, WallTime remembered_until, Now now);
    void forget(SessionId session);

    const Exchanges& exchanges() const { return exchanges_; }
    // What became of the message that was received last.
    MessageFate last_fate() const { return last_fate_; }
    std::uint64_t count(MessageFate fate) const { return fates_[static_cast<std::size_t>(fate)]; }
    std::uint64_t count(DecodeFault fault) const { return faults_[static_cast<std::size_t>(fault)]; }

private:
    void tally(MessageFate fate) {
        last_fate_ = fate;
        ++fates_[static_cast<std::size_t>(fate)];
    }
    Verdict reject_malformed(ByteView datagram, DecodeFault fault);
    Verdict receive_request(SessionId session, const MessageView& message, const MessageOptions& options,
                            Now now);

    Exchanges exchanges_;
    MessageFate last_fate_ = MessageFate::kStray;  // before the first one
    std::array<std::uint64_t, kMessageFates> fates_{};
    std::array<std::uint64_t, kDecodeFaults> faults_{};
};

}  // namespace narrowgate::coap
