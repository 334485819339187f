// SPDX-License-Identifier: Apache-2.0
//
// The rules of RFC 8428, through the room's public face: what is refused and why, and what is resolved.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cbor.hpp"
#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;
using tests::Cbor;
using tests::hex;
using tests::senml_cbor_of;

constexpr WallTime kPackReceived{std::chrono::milliseconds{1'772'366'400'250}};  // 2026-03-01T12:00:00.250Z

// Resolved records as text, or the reason for which the pack was refused.
std::string resolve(ContentFormat format, ByteView payload) {
    if (auto reason = reject_reason(format, payload)) return *reason;
    const Reading reading{.id = "1",
                          .device = "d",
                          .fleet = "f",
                          .resource = "r",
                          .received = kPackReceived,
                          .content_format = format,
                          .payload = payload};
    const auto envelope = render_envelope(reading);
    EXPECT_TRUE(json::parse(envelope).contains("senml")) << envelope;
    const auto begin = envelope.find("\"senml\":") + 8;
    return envelope.substr(begin, envelope.size() - 1 - begin);
}

std::string resolve_json(std::string_view pack) {
    return resolve(kSenmlJson, bytes_of(pack));
}
std::string resolve_cbor(ByteView pack) {
    return resolve(kSenmlCbor, pack);
}

TEST(SenmlTest, ARecordWithoutATimeWasMeasuredWhenItArrived) {
    EXPECT_EQ(resolve_json(R"([{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}])"),
              R"([{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1,"t":1772366400.25}])");
}

// RFC 8428 section 5.1.2, second example; its bver of 5 is older than the default and stays visible.
TEST(SenmlTest, BaseFieldsAreAppliedAndTimesAreInOrder) {
    EXPECT_EQ(resolve_json(tests::kPacks[2]),
              R"([{"n":"urn:dev:ow:10e2073a0108006:current","u":"A","v":1.2,"t":1276020071.001,"bver":5},)"
              R"({"n":"urn:dev:ow:10e2073a0108006:current","u":"A","v":1.3,"t":1276020072.001,"bver":5},)"
              R"({"n":"urn:dev:ow:10e2073a0108006:current","u":"A","v":1.4,"t":1276020073.001,"bver":5},)"
              R"({"n":"urn:dev:ow:10e2073a0108006:current","u":"A","v":1.5,"t":1276020074.001,"bver":5},)"
              R"({"n":"urn:dev:ow:10e2073a0108006:current","u":"A","v":1.6,"t":1276020075.001,"bver":5},)"
              R"({"n":"urn:dev:ow:10e2073a0108006:voltage","u":"V","v":120.1,"t":1276020076.001,"bver":5},)"
              R"({"n":"urn:dev:ow:10e2073a0108006:current","u":"A","v":1.7,"t":1276020076.001,"bver":5}])");
}

// RFC 8428 section 6 prints this pack of section 5.1.2 byte by byte.
TEST(SenmlTest, ReadsTheCborThatTheRfcPrints) {
    const auto pack =
        hex("87 a7 21 781b 75726e3a6465763a6f773a313065323037336130313038303036 3a 22 fb41d303a15b001062 23 "
            "6141 20 05"
            "00 67 766f6c74616765 01 6156 02 fb405e066666666666"
            "a3 00 67 63757272656e74 06 24 02 fb3ff3333333333333 a3 00 67 63757272656e74 06 23 02 "
            "fb3ff4cccccccccccd"
            "a3 00 67 63757272656e74 06 22 02 fb3ff6666666666666 a3 00 67 63757272656e74 06 21 02 f93e00"
            "a3 00 67 63757272656e74 06 20 02 fb3ff999999999999a a3 00 67 63757272656e74 06 00 02 "
            "fb3ffb333333333333");
    EXPECT_EQ(resolve_cbor(pack), resolve_json(tests::kPacks[2]));
}

TEST(SenmlTest, JsonAndCborOfOnePackResolveToTheSame) {
    for (const auto pack : tests::kPacks) {
        const auto resolved = resolve_json(pack);
        EXPECT_EQ(resolve_cbor(senml_cbor_of(pack)), resolved);
        EXPECT_TRUE(json::accept(resolved)) << resolved;
    }
}

// What is resolved is a pack again, and nothing about it is relative any more.
TEST(SenmlTest, ResolvingTwiceChangesNothing) {
    for (const auto pack : tests::kPacks) {
        const auto once = resolve_json(pack);
        EXPECT_EQ(resolve_json(once), once.find("bver") == std::string::npos ? once : resolve_json(once));
        EXPECT_EQ(json::parse(resolve_json(once)), json::parse(once));
    }
}

TEST(SenmlTest, EveryKindOfValueSurvives) {
    EXPECT_EQ(resolve_json(tests::kPacks[4]),
              R"([{"n":"urn:dev:ow:10e2073a01080063:temp","u":"Cel","v":23.1,"t":1772366400.25},)"
              R"({"n":"urn:dev:ow:10e2073a01080063:label","vs":"Machine Room","t":1772366400.25},)"
              R"({"n":"urn:dev:ow:10e2073a01080063:open","vb":false,"t":1772366400.25},)"
              R"({"n":"urn:dev:ow:10e2073a01080063:nfc-reader","vd":"aGkgCg","t":1772366400.25}])");
}

TEST(SenmlTest, BaseValuesAndBaseSumsAreAdded) {
    EXPECT_EQ(
        resolve_json(R"([{"bn":"a","bv":20.1,"bs":100,"bt":1700000000,"v":0.2,"s":5},{"t":1,"v":-20.1}])"),
        R"([{"n":"a","v":20.3,"s":105,"t":1700000000},{"n":"a","v":0,"s":100,"t":1700000001}])");
    // A base alone counts from zero (section 4.5.4).
    EXPECT_EQ(resolve_json(R"([{"n":"a","bv":7,"bt":1700000000}])"), R"([{"n":"a","v":7,"t":1700000000}])");
    // A base value is not for records that hold text.
    EXPECT_EQ(resolve_json(R"([{"n":"a","bv":7,"bt":1700000000,"vs":"x"}])"),
              R"([{"n":"a","vs":"x","t":1700000000}])");
}

TEST(SenmlTest, AUnitOfTheRecordWinsOverTheBaseUnit) {
    EXPECT_EQ(
        resolve_json(R"([{"n":"a","bu":"V","u":"A","v":1,"t":1700000000},{"n":"a","v":2,"t":1700000000}])"),
        R"([{"n":"a","u":"A","v":1,"t":1700000000},{"n":"a","u":"V","v":2,"t":1700000000}])");
}

TEST(SenmlTest, TimesBelowTwoToThe28CountFromReceipt) {
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":1,"t":-0.25}])"), R"([{"n":"a","v":1,"t":1772366400}])");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":1,"t":60}])"), R"([{"n":"a","v":1,"t":1772366460.25}])");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":1,"t":268435455}])"), R"([{"n":"a","v":1,"t":2040801855.25}])");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":1,"t":268435456}])"), R"([{"n":"a","v":1,"t":268435456}])");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":1,"bt":268435450,"t":6}])"),
              R"([{"n":"a","v":1,"t":268435456}])");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":1,"t":-268435457}])"), "relative time of more than 2^28 seconds");
}

TEST(SenmlTest, NumbersLoseNoDigits) {
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":9223372036854775807,"t":1700000000.000001}])"),
              R"([{"n":"a","v":9223372036854775807,"t":1700000000.000001}])");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":18446744073709551615,"bt":1700000000}])"),
              R"([{"n":"a","v":18446744073709551615,"t":1700000000}])");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":0.12345678901234567890123456789,"bt":1700000000}])"),
              R"([{"n":"a","v":0.12345678901234567890123456789,"t":1700000000}])");
    // -2^64, the lowest integer of CBOR
    EXPECT_EQ(resolve_cbor(hex("81 a3 00 6161 02 3bffffffffffffffff 06 1a6553f100")),
              R"([{"n":"a","v":-18446744073709551616,"t":1700000000}])");
}

TEST(SenmlTest, CborNumbersMayBeHalvesSinglesDoublesAndDecimalFractions) {
    const auto value = [](std::string_view number) {
        const auto resolved = resolve_cbor(hex("81 a3 00 6161 06 1a6553f100 02" + std::string(number)));
        return json::accept(resolved) ? json::parse(resolved)[0]["v"].dump() : resolved;
    };
    EXPECT_EQ(value("f94d60"), "21.5");
    EXPECT_EQ(value("fa41ac0000"), "21.5");
    EXPECT_EQ(value("fb4035800000000000"), "21.5");
    EXPECT_EQ(value("c4 82 20 18d7"), "21.5");
    EXPECT_EQ(value("c4 82 02 38d6"), "-21500");
    EXPECT_EQ(value("c4 82 19ffff 01"), "decimal fraction that is malformed or out of range");
    EXPECT_EQ(value("c4 83 20 01 01"), "decimal fraction that is malformed or out of range");
    EXPECT_EQ(value("c4 82 f93c00 01"), "decimal fraction that is malformed or out of range");
    EXPECT_EQ(value("c5 82 01 01"), "v has a value of the wrong type");
}

TEST(SenmlTest, NotANumberAndInfinityAreRefused) {
    for (const auto* number : {"f97e00", "f97c00", "f9fc00", "fa7fc00000", "fb7ff0000000000000"})
        EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 02" + std::string(number))),
                  "a number is infinite or not a number");
    EXPECT_EQ(resolve_json(R"([{"n":"a","v":NaN}])"), "not JSON at byte 15");
    EXPECT_TRUE(reject_reason(kSenmlJson, bytes_of(R"([{"n":"a","v":1e999}])")));
    EXPECT_EQ(resolve_json(R"([{"n":"a","bv":1.7e308,"v":1.7e308}])"),
              "bv and v add up to more than a double holds");
    EXPECT_EQ(resolve_json(R"([{"n":"a","bs":-1.7e308,"s":-1.7e308}])"),
              "bs and s add up to more than a double holds");
    EXPECT_EQ(resolve_json(R"([{"n":"a","bt":1.7e308,"t":1.7e308,"v":1}])"),
              "bt and t add up to more than a double holds");
}

struct Case {
    const char* pack;
    const char* reason;
};

// One rule a line; each accepted form of the same rule is in the tests above.
constexpr Case kRefused[] = {
    {"[]", "a pack without records"},
    {"{}", "a pack is an array of records"},
    {"5", "a pack is an array of records"},
    {"[5]", "a record is an object"},
    {"[[]]", "a record is an object"},
    {"[{}]", "no name"},
    {R"([{"v":1}])", "no name"},
    {R"([{"n":"","v":1}])", "no name"},
    {R"([{"n":"-a","v":1}])", "name starts with no letter or digit"},
    {R"([{"bn":":","n":"a","v":1}])", "name starts with no letter or digit"},
    {R"([{"n":"a b","v":1}])", "name has a character that is not allowed"},
    {R"([{"n":"a+","v":1}])", "name has a character that is not allowed"},
    {R"([{"n":"\u00e4","v":1}])", "name starts with no letter or digit"},
    {R"([{"n":"a\u0000","v":1}])", "name has a character that is not allowed"},
    {R"([{"n":"a"}])", "no value and no sum"},
    {R"([{"n":"a","u":"V","t":1}])", "no value and no sum"},
    {R"([{"n":"a","v":1},{"n":"b"}])", "record 2: no value and no sum"},
    {R"([{"n":"a","v":1,"vs":"x"}])", "more than one of v, vs, vb and vd"},
    {R"([{"n":"a","vb":true,"vd":"aGk"}])", "more than one of v, vs, vb and vd"},
    {R"([{"n":"a","v":1,"v":2}])", "v is there twice"},
    {R"([{"n":"a","n":"a","v":1}])", "n is there twice"},
    {R"([{"n":"a","v":"1"}])", "v has a value of the wrong type"},
    {R"([{"n":"a","v":null}])", "v has a value of the wrong type"},
    {R"([{"n":"a","v":[1]}])", "v has a value of the wrong type"},
    {R"([{"n":"a","v":{}}])", "v has a value of the wrong type"},
    {R"([{"n":"a","v":true}])", "v has a value of the wrong type"},
    {R"([{"n":"a","vs":1}])", "vs has a value of the wrong type"},
    {R"([{"n":"a","vb":1}])", "vb has a value of the wrong type"},
    {R"([{"n":"a","vd":1}])", "vd has a value of the wrong type"},
    {R"([{"n":"a","vd":"a*k"}])", "vd is not base64url"},
    {R"([{"n":"a","t":"now","v":1}])", "t has a value of the wrong type"},
    {R"([{"n":1,"v":1}])", "n has a value of the wrong type"},
    {R"([{"bver":11,"n":"a","v":1}])", "bver is a version that is not known"},
    {R"([{"bver":0,"n":"a","v":1}])", "bver is not a positive integer"},
    {R"([{"bver":-10,"n":"a","v":1}])", "bver is not a positive integer"},
    {R"([{"bver":10.5,"n":"a","v":1}])", "bver is not a positive integer"},
    {R"([{"bver":"10","n":"a","v":1}])", "bver has a value of the wrong type"},
    {R"([{"n":"a","v":1},{"bver":5,"n":"a","v":1}])", "record 2: bver differs from the first record's"},
    {R"([{"n":"a","v":1,"must_":1}])", "unknown label 'must_' must be understood"},
    {R"([{"n":"a","v":1,"_":{}}])", "unknown label '_' must be understood"},
};

TEST(SenmlTest, EachRuleHasItsReason) {
    for (const auto& [pack, reason] : kRefused)
        EXPECT_EQ(resolve_json(pack), reason) << pack;
}

TEST(SenmlTest, UnknownLabelsAreIgnoredWithAllThatIsInThem) {
    EXPECT_EQ(resolve_json(R"([{"n":"a","x":{"v":[1,{"n":"b_"}],"k_":2},"v":1,"bt":1700000000}])"),
              R"([{"n":"a","v":1,"t":1700000000}])");
    // {0: "a", "x": [1, {"v": h'00'}], -7: 1, 9: null, 2: 1, 6: 1700000000}
    EXPECT_EQ(resolve_cbor(hex("81 a6 00 6161 6178 8201a161764100 26 01 09 f6 02 01 06 1a6553f100")),
              R"([{"n":"a","v":1,"t":1700000000}])");
}

TEST(SenmlTest, SecondaryUnitsHaveAVersionOfTheirOwn) {
    EXPECT_EQ(resolve_json(R"([{"bver":26,"n":"a","u":"dBm","v":1,"t":1700000000}])"),
              R"([{"n":"a","u":"dBm","v":1,"t":1700000000,"bver":26}])");
    EXPECT_EQ(resolve_json(R"([{"bver":10.0,"n":"a","v":1,"t":1700000000}])"),
              R"([{"n":"a","v":1,"t":1700000000}])");
}

TEST(SenmlTest, CborHasRulesOfItsOwn) {
    EXPECT_EQ(resolve_cbor(hex("a0")), "a pack is an array of records");
    EXPECT_EQ(resolve_cbor(hex("80")), "a pack without records");
    EXPECT_EQ(resolve_cbor(hex("8101")), "a record is a map");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 f6 01")), "a label is neither a number nor text");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 6176 01")), "CBOR labels are numbers: 'v' is spelled out");
    EXPECT_EQ(resolve_cbor(hex("81 a3 00 6161 02 01 62785f 01")), "unknown label 'x_' must be understood");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 7f6161ff 02 01")), "string of indefinite length");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 08 5f4100ff")), "string of indefinite length");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 03 61ff")), "text that is not UTF-8");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 02 4101")), "v has a value of the wrong type");
    EXPECT_EQ(resolve_cbor(hex("81 a3 00 6161 02 01 1802 01")), "v is there twice");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 02 01 00")), "bytes after the pack");
    EXPECT_EQ(resolve_cbor(hex("81 a2 00 6161 02 ff")), "not CBOR at byte 6");
    EXPECT_EQ(resolve_cbor(hex("9b ffffffffffffffff")), "CBOR ends in the middle of an item");
    EXPECT_EQ(resolve_cbor(hex("81 a1 02 3bffffffffffffffff")), "no name");
}

TEST(SenmlTest, CborContainersMayBeStreamed) {
    EXPECT_EQ(resolve_cbor(hex("9f bf 00 6161 02 01 06 1a6553f100 ff ff")),
              R"([{"n":"a","v":1,"t":1700000000}])");
    EXPECT_EQ(resolve_cbor(hex("9f ff")), "a pack without records");
    EXPECT_EQ(resolve_cbor(hex("81 bf 00 6161 02 ff")), "not CBOR at byte 6");
}

}  // namespace
}  // namespace narrowgate::payload
