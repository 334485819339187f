// SPDX-License-Identifier: Apache-2.0
//
// The CoAP that a node needs (RFC 7252): one confirmable request at a time, retransmitted until its
// acknowledgement comes. Written without the gateway's `coap` room, as its independent peer.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim {

// RFC 7252 section 5.9 and 12.1.2, as class and detail in one byte.
inline constexpr std::uint8_t kCodeChanged = 0x44;             // 2.04
inline constexpr std::uint8_t kCodeTooManyRequests = 0x9d;     // 4.29, RFC 8516
inline constexpr std::uint8_t kCodeServiceUnavailable = 0xa3;  // 5.03

inline constexpr std::uint16_t kContentFormatSenmlCbor = 112;  // RFC 8428 section 12.3

// RFC 7252 section 4.8.
struct CoapOptions {
    milliseconds ack_timeout{2'000};
    double ack_random_factor = 1.5;
    unsigned max_retransmit = 4;
};

struct CoapResponse {
    std::uint8_t code = 0;
    std::optional<seconds> max_age;  // only when the option is there
    Bytes payload;
};

// Sans-I/O. Thread: its owner's.
class CoapClient {
public:
    CoapClient(const CoapOptions& options, std::uint64_t seed);

    // A confirmable POST of `payload` to one path segment (at most 12 bytes); becomes the outstanding
    // request. Returns the message to send. Must be idle().
    Bytes post(std::string_view segment, std::uint16_t content_format, ByteView payload, Now now);

    // Takes a message from the gateway: the response to the outstanding request, once, piggybacked or
    // separate. What is malformed or answers nothing outstanding is dropped.
    std::optional<CoapResponse> receive(ByteView message, Now now);
    // What receive() asks to be sent in return (the ACK of a separate response); empty when nothing.
    Bytes take_reply();

    // The message to send again when its time has come, else empty. After MAX_RETRANSMIT retransmissions
    // the request is given up: idle() turns true with gave_up().
    Bytes advance(Now now);
    std::optional<SteadyTime> next_deadline() const { return deadline_; }

    bool idle() const { return request_.empty(); }
    bool gave_up() const { return gave_up_; }

private:
    void finish();

    CoapOptions options_;
    std::mt19937_64 random_;
    std::uint16_t next_message_id_;
    std::uint32_t next_token_;

    Bytes request_;  // outstanding, empty when none
    std::uint16_t message_id_ = 0;
    std::uint32_t token_ = 0;
    bool acknowledged_ = false;  // by an empty ACK: a separate response follows
    unsigned retransmissions_ = 0;
    milliseconds wait_{};
    std::optional<SteadyTime> deadline_;
    bool gave_up_ = false;
    Bytes reply_;
};

}  // namespace narrowgate::sim
