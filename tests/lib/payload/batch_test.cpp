// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/batch.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <vector>

#include "cbor.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;

constexpr WallTime kBatchReceived{std::chrono::milliseconds{1'772'366'400'123}};
constexpr std::string_view kStore = "0f8c3b1e-3c1f-4d0a-9a55-7a1f6c1f0b11";

struct Sent {
    std::string id;
    std::string device;
    std::optional<ContentFormat> format;
    std::string payload;
    WallTime received = kBatchReceived;
    std::string fleet = "water-meters";
    std::string resource = "telemetry";

    Reading reading() const {
        return {.id = id,
                .device = device,
                .fleet = fleet,
                .resource = resource,
                .received = received,
                .content_format = format,
                .payload = bytes_of(payload)};
    }
};

std::string id_of(std::uint64_t number) {
    return std::string(kStore) + '-' + std::to_string(number);
}

// What a consumer does (docs/aws.md), written from the form's description alone: back to envelopes.
std::vector<json> taken_apart(const json& batch) {
    std::vector<json> envelopes;
    for (const json& row : batch["rows"]) {
        json envelope = batch["sources"].at(row[3].get<std::size_t>());
        envelope["id"] = row[0].is_string() ? row[0].get<std::string>()
                                            : batch["store"].get<std::string>() + '-' +
                                                  std::to_string(row[0].get<std::uint64_t>());
        envelope["device"] = row[1];
        envelope["received"] = batch["from"].get<double>() + row[2].get<double>();
        if (row[4].is_object()) {
            envelope.update(row[4]);
        } else {
            envelope["senml"] = json::array();
            for (const json& record : row[4]) {
                json resolved = batch["series"].at(record[0].get<std::size_t>());
                std::string name = resolved["n"];
                if (const auto at = name.find("{device}"); at != std::string::npos)
                    name.replace(at, 8, row[1].get<std::string>());
                resolved["n"] = name;
                resolved[resolved.value("k", "v")] = record[1];
                resolved.erase("k");
                resolved["t"] = batch["from"].get<double>() +
                                (record.size() > 2 ? record[2].get<double>() : row[2].get<double>());
                if (record.size() > 3) resolved.update(record[3]);
                envelope["senml"].push_back(resolved);
            }
        }
        envelopes.push_back(envelope);
    }
    return envelopes;
}

// The envelope of the same reading, with its time as a number.
json envelope_of(const Sent& sent) {
    json envelope = json::parse(render_envelope(sent.reading()));
    envelope["received"] = std::chrono::duration<double>(sent.received.time_since_epoch()).count();
    return envelope;
}

void expect_near(const json& left, const json& right) {
    ASSERT_EQ(left.type() == json::value_t::number_float || left.is_number(), right.is_number())
        << left << " " << right;
    if (left.is_number()) {
        EXPECT_NEAR(left.get<double>(), right.get<double>(), 1e-6);
    } else if (left.is_object()) {
        ASSERT_EQ(left.size(), right.size()) << left << " " << right;
        for (const auto& [key, value] : left.items()) {
            ASSERT_TRUE(right.contains(key)) << key << " in " << right;
            expect_near(value, right[key]);
        }
    } else if (left.is_array()) {
        ASSERT_EQ(left.size(), right.size());
        for (std::size_t i = 0; i < left.size(); ++i)
            expect_near(left[i], right[i]);
    } else {
        EXPECT_EQ(left, right);
    }
}

TEST(BatchTest, SaysWhatIsSharedOnce) {
    Batch batch("gw-1", 5120);
    const Sent first{id_of(42), "wm-0001", kSenmlJson,
                     R"([{"bn":"urn:dev:wm-0001:","n":"volume","u":"m3","v":17.25},
                         {"n":"volume","u":"m3","v":17.0,"t":-60}])"};
    Sent second{id_of(43), "wm-0002", kSenmlJson, R"([{"n":"urn:dev:wm-0002:volume","u":"m3","v":3}])"};
    second.received = kBatchReceived + std::chrono::milliseconds(1377);
    ASSERT_TRUE(batch.add(first.reading()));
    ASSERT_TRUE(batch.add(second.reading()));
    const std::size_t bytes = batch.bytes();
    const std::string text = batch.finish();
    EXPECT_EQ(
        text,
        R"({"batch":1,"gateway":"gw-1","store":"0f8c3b1e-3c1f-4d0a-9a55-7a1f6c1f0b11","from":1772366400,)"
        R"("sources":[{"fleet":"water-meters","resource":"telemetry","content_format":110}],)"
        R"("series":[{"n":"urn:dev:{device}:volume","u":"m3"}],)"
        R"("rows":[[42,"wm-0001",0.123,0,[[0,17,-59.877],[0,17.25]]],[43,"wm-0002",1.5,0,[[0,3]]]]})");
    EXPECT_EQ(bytes, text.size());
}

// Whatever goes into a batch comes out of it as the envelope would have had it.
TEST(BatchTest, TakenApartItIsTheEnvelopes) {
    const auto cbor = tests::senml_cbor_of(R"([{"n":"urn:dev:wm-7:t","u":"Cel","v":21.5}])");
    const std::vector<Sent> sent = {
        {id_of(1), "wm-7", kSenmlCbor, std::string(text_of(cbor))},
        {id_of(2), "wm-8", kSenmlJson,
         R"([{"n":"a","vs":"x\"y"},{"n":"a","vb":false},{"n":"a","vd":"AQI"},{"n":"a","v":1},{"n":"a","s":7}])"},
        {id_of(3), "wm-8", kSenmlJson, R"([{"n":"a","v":1,"s":2,"ut":30,"t":1700000000.25}])"},
        {id_of(4), "wm-8", kSenmlJson, R"([{"bver":26,"n":"a","v":1}])"},
        {id_of(5), "wm-9", kJson, R"({"a":[1,2.50]})"},
        {id_of(6), "wm-9", kCbor, "\xA1\x61\x61\x01"},
        {id_of(7), "wm-9", kTextPlain, "21.5 \u00b0C"},
        {id_of(8), "wm-9", kOctetStream, std::string("\xFB\xFF\x01", 3)},
        {id_of(9), "wm-9", std::nullopt, ""},
        // Damaged, or checked by nobody: as base64, and nothing of it stays in the series.
        {id_of(10), "wm-9", kSenmlJson, R"([{"n":"strange","v":1},{"n":"b"}])"},
        {id_of(11), "", kSenmlJson, R"([{"n":"b","v":1e300}])"},
        {"another-id", "wm-\"1\"", kSenmlJson, R"([{"n":"b","v":1}])", kBatchReceived, "f2", "a/b"},
        {id_of(0), "wm-9", kSenmlJson, R"([{"n":"b","v":1}])", kBatchReceived - std::chrono::hours(5)},
    };
    Batch batch("gw-1", 100'000);
    for (const Sent& each : sent)
        ASSERT_TRUE(batch.add(each.reading()));
    const auto parsed = json::parse(batch.finish());
    EXPECT_FALSE(parsed["series"].dump().contains("strange"));
    const auto envelopes = taken_apart(parsed);
    ASSERT_EQ(envelopes.size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
        SCOPED_TRACE(i);
        expect_near(envelope_of(sent[i]), envelopes[i]);
    }
}

TEST(BatchTest, WhatDoesNotFitLeavesNoTrace) {
    Batch batch("gw-1", 600);
    Batch untried("gw-1", 600);
    std::uint64_t number = 1;
    for (;; ++number) {
        const Sent sent{id_of(number), "wm-1", kSenmlJson, R"([{"n":"wm-1:volume","u":"m3","v":17.25}])"};
        if (!batch.add(sent.reading())) break;
        ASSERT_TRUE(untried.add(sent.reading()));
        ASSERT_LE(batch.bytes(), 600U);
    }
    EXPECT_GT(number, 5U);
    // Another source, another series: too large all the more.
    const Sent other{id_of(99),      "wm-2", kSenmlJson, R"([{"n":"other","u":"W","v":1}])",
                     kBatchReceived, "f2",   "x"};
    EXPECT_FALSE(batch.add(other.reading()));
    EXPECT_EQ(batch.finish(), untried.finish());
}

TEST(BatchTest, OneReadingLargerThanABatchIsABatch) {
    Batch batch("gw-1", 100);
    const Sent large{id_of(1), "wm-1", kTextPlain, std::string(500, 'x')};
    EXPECT_TRUE(batch.add(large.reading()));
    EXPECT_FALSE(batch.add(large.reading()));
    EXPECT_EQ(json::parse(batch.finish())["rows"].size(), 1U);
}

// The reason for all this: one metering unit of 5 KB holds more than a hundred meters' readings.
TEST(BatchTest, MeterReadingsTakeFewBytesEach) {
    Batch batch("gw-1", 5120 - 40);
    std::uint64_t number = 1'000'000;
    for (;; ++number) {
        const auto device = "wm-" + std::to_string(number % 10'000);
        const auto payload =
            tests::senml_cbor_of(R"([{"bn":"urn:dev:)" + device + R"(:","n":"volume","u":"m3","v":)" +
                                 std::to_string(number) + ".25}]");
        Sent sent{id_of(number), device, kSenmlCbor, std::string(text_of(payload))};
        sent.received += std::chrono::milliseconds(13 * (number % 1000));
        if (!batch.add(sent.reading())) break;
    }
    EXPECT_GT(batch.rows(), 100U);
}

}  // namespace
}  // namespace narrowgate::payload
