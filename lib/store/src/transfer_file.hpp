// SPDX-License-Identifier: Apache-2.0
//
// The file in which sessions move from one gateway to another. On-disk form: docs/sessions.md.
//
// It is a header and frames of sessions, each sealed under a key that is drawn for this file from the
// transfer key. A frame is bound to the header and to its place, and the last one says so: a file that is cut
// short, put together from two, or changed in any bit does not open.
#pragma once

#include <istream>
#include <optional>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/secret.hpp"
#include "narrowgate/store/moves.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::store {

inline constexpr std::size_t kTransferHeaderBytes = 4 + 2 + 3 * 16 + 8 + 8 + 16;
inline constexpr std::size_t kMaxFrameBytes = std::size_t{4} << 20;
inline constexpr std::size_t kSessionsAFrame = 512;
inline constexpr std::size_t kRepliesAMovedSession = 64;  // the newest

struct TransferHeader {
    Uuid id;           // of the export
    Uuid source;       // instance that gives the sessions up
    Uuid destination;  // instance that alone may have them
    std::uint64_t generation = 0;
    WallTime made{};
    std::array<std::uint8_t, 16> salt{};
};

// A session with what it needs to go on elsewhere. `row.credential` and `row.heard` mean nothing there:
// `identity` and `silence` stand for them.
struct MovedSession {
    SessionRow row;
    std::string identity;
    std::uint64_t silence = 0;  // seconds of service since the node was heard last
    std::vector<StoredReply> replies;
};

Bytes encode_header(const TransferHeader& header);
// Nothing when the bytes are no header; one of another version is told apart by `version`.
std::optional<TransferHeader> decode_header(ByteView bytes, std::uint16_t& version);

// Thread: one.
class FrameSealer {
public:
    FrameSealer(const TransferHeader& header, const Secret& transfer_key);

    void add(const MovedSession& session);
    // The frame holds as much as one should.
    bool full() const { return waiting_ >= kSessionsAFrame || plain_.size() >= kMaxFrameBytes / 4; }
    // The frame of what was added since the one before; `last` ends the file.
    Bytes finish(bool last);

private:
    Bytes header_;
    Secret key_;
    Bytes plain_;  // wiped
    std::size_t waiting_ = 0;
    std::uint32_t number_ = 0;
};

// Reads a file from after its header. Thread: one.
class FrameOpener {
public:
    FrameOpener(std::istream& in, const TransferHeader& header, const Secret& transfer_key);

    // The sessions of the next frame; nothing after the last one. Fails when the transfer key is another one,
    // or the file is not whole and untouched.
    Expected<std::optional<std::vector<MovedSession>>> next();

private:
    std::istream& in_;
    Bytes header_;
    Secret key_;
    std::uint32_t number_ = 0;
    bool last_ = false;
};

}  // namespace narrowgate::store
