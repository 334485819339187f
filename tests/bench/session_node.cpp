// SPDX-License-Identifier: Apache-2.0
#include "bench/session_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "narrowgate/base/crypto.hpp"
#include "sim/coap_client.hpp"
#include "sim/senml_reading.hpp"

namespace narrowgate::bench {
namespace {

constexpr std::size_t kCidBytes = 6;  // the gateway's default
constexpr std::size_t kPskBytes = 16;
constexpr std::uint64_t kLease = 1 << 15;  // one block, the gateway's default

// lib/dtls/src/session_secret.hpp has the format.
constexpr std::uint8_t kSecretVersion = 1;
constexpr std::size_t kFinishedBytes = 24;
constexpr std::size_t kPlainNumberBytes = 6;

// RFC 7252 sections 3 and 5.10.
constexpr std::uint8_t kVersionConfirmable = 0x40, kVersionAcknowledgement = 0x60, kPost = 0x02;
constexpr std::uint8_t kTokenBytes = 4;
constexpr std::uint8_t kUriPath = 11, kContentFormat = 12;
constexpr std::uint8_t kPayloadMarker = 0xff;
constexpr std::string_view kResource = "telemetry";

// Random to look at, always the same, another for each purpose.
crypto::Digest derive(std::uint64_t index, std::string_view purpose) {
    Bytes seed;
    ByteWriter(seed).u64(index).append(bytes_of(purpose));
    return crypto::sha256(seed);
}

std::uint64_t number_of(ByteView bytes) {
    return ByteReader(bytes).u64();
}

struct Keys {
    crypto::Digest keys, ivs;
    ByteView node_key() const { return ByteView(keys).first(dtls::kAes128KeyBytes); }
    ByteView gateway_key() const { return ByteView(keys).last(dtls::kAes128KeyBytes); }
    ByteView node_iv() const { return ByteView(ivs).first(dtls::kImplicitNonceBytes); }
    ByteView gateway_iv() const { return ByteView(ivs).subspan(4, dtls::kImplicitNonceBytes); }
    // Of node 0, in any shard: the low nibble is as random as the rest.
    std::array<std::uint8_t, kCidBytes> cid() const {
        std::array<std::uint8_t, kCidBytes> bytes;
        std::copy_n(ivs.begin() + 8, kCidBytes, bytes.begin());
        bytes[0] &= 0x0f;
        return bytes;
    }
};

Keys keys_of(std::uint64_t index) {
    return {derive(index, "keys"), derive(index, "ivs and cid")};
}

}  // namespace

std::string identity_of(std::uint64_t index) {
    return fmt::format("wm-{:07}", index);
}

store::NewDevice device_of(std::uint64_t index, const std::string& fleet) {
    const auto psk = derive(index, "psk");
    store::NewDevice device;
    device.identity = identity_of(index);
    device.fleet = fleet;
    device.psk = Secret(Bytes(psk.begin(), psk.begin() + kPskBytes));
    return device;
}

store::SessionRow session_of(std::uint64_t index, store::CredentialId credential, WallTime now,
                             seconds service) {
    const Keys keys = keys_of(index);
    store::SessionRow row;
    row.id = std::max(number_of(derive(index, "session")), std::uint64_t{1});
    row.credential = credential;
    const auto cid = keys.cid();
    row.cid.assign(cid.begin(), cid.end());
    Bytes secret;
    secret.reserve(128);
    ByteWriter(secret)
        .u8(kSecretVersion)
        .u16(static_cast<std::uint16_t>(dtls::CipherSuite::kPskAes128Ccm8))
        .append(keys.node_key())
        .append(keys.gateway_key())
        .append(keys.node_iv())
        .append(keys.gateway_iv())
        .u16(0)
        .append_prefixed({}, 1)
        .append(Bytes(kFinishedBytes))
        .append(Bytes(kPlainNumberBytes));
    row.secret = Secret(std::move(secret));
    row.confirmed = true;
    row.path.local = *Address::from_text("127.0.0.1:5684");
    row.path.remote = *Address::from_text("10.0.0.0:0");
    for (std::size_t at = 13; at < 16; ++at)
        row.path.remote.ip[at] = static_cast<std::uint8_t>(index >> 8 * (15 - at));
    row.path.remote.port = static_cast<std::uint16_t>(20'000 + index % 40'000);
    row.lease_end = kLease;
    row.right_edge = kFirstFreeNumber - 1;
    row.window = 3;
    row.established = row.last_seen = now;
    row.heard = static_cast<std::uint64_t>(service.count());
    return row;
}

dtls::RecordState records_of(std::uint64_t index, std::uint64_t next) {
    const Keys keys = keys_of(index);
    dtls::RecordState records;
    std::ranges::copy(keys.gateway_key(), records.read_key.begin());
    std::ranges::copy(keys.node_key(), records.write_key.begin());
    std::ranges::copy(keys.gateway_iv(), records.read_iv.begin());
    std::ranges::copy(keys.node_iv(), records.write_iv.begin());
    records.peer_cid.assign(keys.cid());
    records.next_sequence = next;
    records.lease_end = UINT64_MAX;
    return records;
}

Bytes request_of(std::uint64_t index, std::uint32_t number) {
    sim::SenmlReading reading;
    reading.base_name = identity_of(index) + ":";
    reading.sequence = number;
    reading.temperature_celsius = 8.5;
    reading.volume_litres = index;
    Bytes message;
    ByteWriter(message)
        .u8(kVersionConfirmable | kTokenBytes)
        .u8(kPost)
        .u16(static_cast<std::uint16_t>(number))
        .u32(number)
        .u8(kUriPath << 4 | kResource.size())
        .append(bytes_of(kResource))
        .u8((kContentFormat - kUriPath) << 4 | 1)
        .u8(sim::kContentFormatSenmlCbor)
        .u8(kPayloadMarker)
        .append(encode(reading));
    return message;
}

Answer read_answer(ByteView message, std::uint32_t number) {
    ByteReader reader(message);
    const std::uint8_t head = reader.u8(), code = reader.u8();
    if (reader.u16() != static_cast<std::uint16_t>(number) || !reader.ok()) return Answer::kOfAnother;
    const bool changed = head == (kVersionAcknowledgement | kTokenBytes) && code == sim::kCodeChanged &&
                         reader.u32() == number && reader.finished();
    return changed ? Answer::kChanged : Answer::kOther;
}

}  // namespace narrowgate::bench
