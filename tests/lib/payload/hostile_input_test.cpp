// SPDX-License-Identifier: Apache-2.0
//
// Payloads that are cut, changed or made up. Whatever they are: a verdict comes back, a good verdict means an
// envelope that parses and holds what was promised, and a bad one a reason fit to be sent.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "cbor.hpp"
#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;

std::string_view member_of(ContentFormat format) {
    switch (format) {
        case kSenmlJson:
        case kSenmlCbor:
            return "senml";
        case kJson:
        case kCbor:
            return "value";
        case kTextPlain:
            return "text";
        default:
            return "base64";
    }
}

// Returns whether the payload was accepted.
bool check(ContentFormat format, ByteView payload) {
    const auto reason = reject_reason(format, payload);
    if (reason) {
        EXPECT_FALSE(reason->empty());
        EXPECT_LE(reason->size(), kMaxReasonBytes);
        EXPECT_TRUE(std::ranges::all_of(*reason, [](char c) { return c >= 0x20 && c < 0x7F; })) << *reason;
    }
    const Reading reading{.id = "1",
                          .device = "d",
                          .fleet = "f",
                          .resource = "r",
                          .received = WallTime{std::chrono::seconds{1'772'366'400}},
                          .content_format = format,
                          .payload = payload};
    const auto envelope = json::parse(render_envelope(reading), nullptr, false);
    EXPECT_FALSE(envelope.is_discarded()) << to_hex(payload);
    // The check and the envelope are one walk: what was accepted is never sent as base64 later.
    EXPECT_TRUE(reason || envelope.contains(member_of(format))) << to_hex(payload);
    return !reason;
}

TEST(HostileInputTest, EveryTruncationOfAPackIsRefused) {
    for (const auto pack : tests::kPacks) {
        const auto cbor = tests::senml_cbor_of(pack);
        ASSERT_TRUE(check(kSenmlCbor, cbor));
        ASSERT_TRUE(check(kSenmlJson, bytes_of(pack)));
        for (std::size_t size = 0; size < cbor.size(); ++size) {
            EXPECT_FALSE(check(kSenmlCbor, ByteView(cbor).first(size))) << size;
            EXPECT_FALSE(check(kCbor, ByteView(cbor).first(size))) << size;
        }
        for (std::size_t size = 0; size < pack.size(); ++size) {
            EXPECT_FALSE(check(kSenmlJson, bytes_of(pack.substr(0, size)))) << size;
            EXPECT_FALSE(check(kJson, bytes_of(pack.substr(0, size)))) << size;
        }
    }
}

TEST(HostileInputTest, EverySingleBitThatFlipsGivesAVerdict) {
    const auto cbor = tests::senml_cbor_of(tests::kPacks[6]);
    std::size_t accepted = 0;
    for (std::size_t bit = 0; bit < cbor.size() * 8; ++bit) {
        auto changed = cbor;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        if (check(kSenmlCbor, changed)) ++accepted;
        check(kCbor, changed);
    }
    // Bits of a value or a name may flip unseen: SenML has no checksum, the record layer has one.
    EXPECT_GT(accepted, 0U);
    EXPECT_LT(accepted, cbor.size() * 8);
}

TEST(HostileInputTest, RandomMutationsGiveAVerdict) {
    std::mt19937 random(20260301);
    for (int round = 0; round < 4000; ++round) {
        const auto pack = tests::kPacks[random() % std::size(tests::kPacks)];
        const bool is_cbor = round % 2 == 0;
        Bytes payload = is_cbor ? tests::senml_cbor_of(pack) : Bytes(pack.begin(), pack.end());
        for (auto changes = random() % 4 + 1; changes > 0; --changes) {
            const auto at = static_cast<std::ptrdiff_t>(random() % payload.size());
            switch (random() % 3) {
                case 0:
                    payload[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
                    break;
                case 1:
                    payload.insert(payload.begin() + at, static_cast<std::uint8_t>(random()));
                    break;
                default:
                    payload.erase(payload.begin() + at, payload.begin() + at + 1);
            }
        }
        check(is_cbor ? kSenmlCbor : kSenmlJson, payload);
        check(is_cbor ? kCbor : kJson, payload);
    }
}

TEST(HostileInputTest, RandomBytesGiveAVerdictInEveryFormat) {
    std::mt19937 random(7);
    for (int round = 0; round < 5000; ++round) {
        Bytes payload(random() % 40);
        std::ranges::generate(payload, [&] { return static_cast<std::uint8_t>(random()); });
        for (const auto format : kKnownContentFormats)
            check(format, payload);
    }
}

}  // namespace
}  // namespace narrowgate::payload
