// SPDX-License-Identifier: Apache-2.0
//
// Uploads in blocks (Block1, RFC 7959 section 2.3), put together in memory. A body lost in a crash costs
// its node a 4.08 and a second try; nothing of it was acknowledged as durable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/coap/blockwise.hpp"
#include "narrowgate/coap/message_layer.hpp"

namespace narrowgate::coap {

struct UploadLimits {
    std::size_t max_uploads = 4'096;
    std::size_t max_uploads_per_session = 2;
    std::size_t max_bytes = 16 * 1024 * 1024;  // of all bodies and keys together, as allocated
    milliseconds max_silence{247'000};         // EXCHANGE_LIFETIME (RFC 7252 section 4.8.2)
};

// Thread: one; an object of an ingress shard.
class BlockUploads {
public:
    // Names a complete upload until release().
    using UploadId = std::uint64_t;

    // Ask for the next block: the response is 2.31 with this Block1 option.
    struct Continue {
        BlockOption block1;
    };
    // The last block is there. The body stays, and the last block's retransmission gives it again, until
    // release(): a commit that failed can be tried anew. `block1` belongs into the response.
    struct Complete {
        ByteView body;  // owned by this object or the datagram, valid until this object's next call
        BlockOption block1;
        UploadId upload = 0;
    };
    // kRequestEntityIncomplete, kRequestEntityTooLarge or kBadRequest; what was there is dropped, except
    // after a gap, which the missing block can still fill.
    struct Refused {
        Code code = Code::kBadRequest;
        BlockOption block1;
        std::optional<std::uint32_t> size1{};  // with 4.13: the largest body in bytes (RFC 7959 section 4)
    };
    using Outcome = std::variant<Continue, Complete, Refused>;

    explicit BlockUploads(UploadLimits limits = {});
    BlockUploads(const BlockUploads&) = delete;
    BlockUploads& operator=(const BlockUploads&) = delete;

    // Takes one block: a request with `block1`. Uploads are told apart by session, method, path, query and
    // Request-Tag (RFC 9175 section 3.3). `max_payload` is the fleet's limit of a body in bytes;
    // `max_application_bytes` the room in a datagram of the session: larger blocks are taken, and a smaller
    // size asked for.
    Outcome receive(const Request& request, std::size_t max_payload, std::size_t max_application_bytes,
                    Now now);

    // The answer to a complete upload is settled (committed, or refused for good): its body may go. Does
    // nothing for an upload that is gone.
    void release(UploadId upload);
    // The session ended.
    void forget(SessionId session);
    // Drops what was silent too long. receive() does so too; an idle loop may call this now and then.
    void expire(Now now);

    std::size_t size() const { return uploads_.size(); }
    std::size_t bytes() const { return bytes_; }
    PoolLoad load() const { return {uploads_.size(), limits_.max_uploads}; }
    PoolLoad byte_load() const { return {bytes_, limits_.max_bytes}; }
    // Uploads dropped unfinished to keep within the limits.
    std::uint64_t pushed_out() const { return pushed_out_; }

private:
    struct Upload {
        UploadId id = 0;
        SessionId session = 0;
        std::string key;
        std::optional<std::uint16_t> content_format;
        Bytes body{};
        bool complete = false;
        std::size_t charged_bytes = 0;
        SteadyTime touched{};
    };
    using Uploads = std::list<Upload>;  // least recently touched first
    // How a block relates to what is there.
    enum class Fit : std::uint8_t { kNext, kSeenBefore, kGap, kContradiction };

    static Fit fit_of(const Upload& upload, const BlockOption& block, std::size_t end);
    Uploads::iterator find(SessionId session, const std::string& key);
    Uploads::iterator create(const Request& request, std::string key);
    void erase(Uploads::iterator upload);
    void append(Uploads::iterator upload, const BlockOption& block, ByteView payload);
    void make_room(Uploads::iterator keep);

    const UploadLimits limits_;
    Uploads uploads_;
    std::unordered_map<UploadId, Uploads::iterator> by_id_;
    // Few of each session (max_uploads_per_session), oldest first.
    std::unordered_map<SessionId, std::list<Uploads::iterator>> by_session_;
    UploadId last_id_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t pushed_out_ = 0;
};

}  // namespace narrowgate::coap
