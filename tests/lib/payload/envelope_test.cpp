// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/envelope.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cbor.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;

constexpr WallTime kEnvelopeReceived{std::chrono::milliseconds{1'772'366'400'123}};

Reading reading_of(std::optional<ContentFormat> format, ByteView payload) {
    return {.id = "0f8c-42",
            .device = "wm-0001",
            .fleet = "water-meters",
            .resource = "telemetry",
            .received = kEnvelopeReceived,
            .content_format = format,
            .payload = payload};
}

std::string render(std::optional<ContentFormat> format, std::string_view payload) {
    return render_envelope(reading_of(format, bytes_of(payload)));
}

constexpr std::string_view kHead =
    R"({"id":"0f8c-42","device":"wm-0001","fleet":"water-meters","resource":"telemetry",)"
    R"("received":"2026-03-01T12:00:00.123Z","content_format":)";

TEST(EnvelopeTest, HoldsEachFormatInItsMostReadableForm) {
    const auto senml =
        tests::senml_cbor_of(R"([{"bn":"urn:dev:wm-0001:","n":"volume","u":"m3","v":17.25,"t":-60}])");
    const struct {
        std::optional<ContentFormat> format;
        std::string_view payload;
        std::string_view rest;
    } cases[] = {
        {kSenmlCbor, text_of(senml),
         R"(112,"senml":[{"n":"urn:dev:wm-0001:volume","u":"m3","v":17.25,"t":1772366340.123}]})"},
        {kSenmlJson, R"([{"n":"a","vb":true,"t":1700000000}])",
         R"(110,"senml":[{"n":"a","vb":true,"t":1700000000}]})"},
        {kCbor, "\xA1\x61\x61\x01", R"(60,"value":{"a":1}})"},
        {kJson, R"({"a":1})", R"(50,"value":{"a":1}})"},
        {kTextPlain, "21.5 \u00b0C\n", "0,\"text\":\"21.5 \u00b0C\\n\"}"},
        {kOctetStream, "\xFB\xFF\x01", R"(42,"base64":"+/8B"})"},
        {std::nullopt, "hi", R"(null,"base64":"aGk="})"},
        {std::nullopt, "", R"(null,"base64":""})"},
    };
    for (const auto& [format, payload, rest] : cases) {
        const auto envelope = render(format, payload);
        EXPECT_EQ(envelope, std::string(kHead) + std::string(rest));
        const auto parsed = json::parse(envelope);
        EXPECT_EQ(parsed.size(), 7U);
        EXPECT_EQ(parsed["device"], "wm-0001");
        EXPECT_EQ(parsed["content_format"].is_null(), !format);
    }
}

// Brokers' rule engines read lines; JSON that came over several becomes one, with the digits it had.
TEST(EnvelopeTest, JsonKeepsItsDigitsAndLosesItsLineBreaks) {
    const auto envelope = render(
        kJson, "{\r\n\t\"a b\" : [ 1.10, 12345678901234567890123, \" \\\" x \\\\\" ] ,\n \"c\":{ } }\n");
    EXPECT_EQ(envelope,
              std::string(kHead) + R"(50,"value":{"a b":[1.10,12345678901234567890123," \" x \\"],"c":{}}})");
    EXPECT_EQ(json::parse(envelope)["value"]["a b"][2], " \" x \\");
}

TEST(EnvelopeTest, WhatDoesNotPassTheCheckGoesAsBase64) {
    EXPECT_EQ(render(kSenmlJson, "[{\"n\":\"a\""), std::string(kHead) + R"(110,"base64":"W3sibiI6ImEi"})");
    EXPECT_EQ(render(kCbor, "\x81"), std::string(kHead) + R"(60,"base64":"gQ=="})");
    EXPECT_EQ(render(kJson, "{"), std::string(kHead) + R"(50,"base64":"ew=="})");
    EXPECT_EQ(render(kTextPlain, "\xFF"), std::string(kHead) + R"(0,"base64":"/w=="})");
    EXPECT_EQ(render(65000, "x"), std::string(kHead) + R"(65000,"base64":"eA=="})");
}

// Identities are the operator's words, but a device may have been imported with anything in its name.
TEST(EnvelopeTest, NamesCannotBreakOutOfTheirQuotes) {
    auto reading = reading_of(kTextPlain, {});
    reading.device = "a\",\"id\":\"forged\\\n\x01\x7f";
    reading.resource = "bad \xFF\xC3\xBC\xED\xA0\x80 utf-8";
    const auto parsed = json::parse(render_envelope(reading));
    EXPECT_EQ(parsed["id"], "0f8c-42");
    EXPECT_EQ(parsed["device"], "a\",\"id\":\"forged\\\n\x01\x7f");
    EXPECT_EQ(parsed["resource"], "bad \uFFFD\u00fc\uFFFD\uFFFD\uFFFD utf-8");
}

// An upstream that sees a reading twice must be able to tell.
TEST(EnvelopeTest, TheSameReadingGivesTheSameBytes) {
    for (const auto pack : tests::kPacks) {
        const auto cbor = tests::senml_cbor_of(pack);
        EXPECT_EQ(render_envelope(reading_of(kSenmlCbor, cbor)),
                  render_envelope(reading_of(kSenmlCbor, cbor)));
    }
}

}  // namespace
}  // namespace narrowgate::payload
