// SPDX-License-Identifier: Apache-2.0
//
// Why: an envelope that does not parse poisons what reads the topic, for every device on it, and is sent
// again and again. Reaches: every Content-Format, the conversion of any CBOR to JSON, JSON's copy, and the
// escaping of names. Checks: the envelope is one line of JSON whose members are what was put in, and holds
// the content in the form that the check at ingest promised.
//
// Input: [Content-Format selector][length of the device's name][name][payload].
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;

void require(bool holds) {
    if (!holds) std::abort();
}

std::optional<ContentFormat> format_of(std::uint8_t selector) {
    constexpr std::size_t kCount = kKnownContentFormats.size();
    if (selector % (kCount + 2) < kCount) return kKnownContentFormats[selector % (kCount + 2)];
    if (selector % (kCount + 2) == kCount) return std::nullopt;
    return static_cast<ContentFormat>(11'542);  // one that is not known
}

std::string_view member_of(std::optional<ContentFormat> format) {
    if (format == kSenmlJson || format == kSenmlCbor) return "senml";
    if (format == kJson || format == kCbor) return "value";
    return format == kTextPlain ? "text" : "base64";
}

void check(const Reading& reading) {
    const auto text = render_envelope(reading);
    require(std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
    const auto envelope = json::parse(text, nullptr, false);
    require(envelope.is_object() && envelope.size() == 7);
    require(envelope["id"] == "1" && envelope["content_format"].is_null() == !reading.content_format);
    if (is_utf8(bytes_of(reading.device))) require(envelope["device"].get<std::string>() == reading.device);

    const bool is_accepted = !reject_reason(reading.content_format, reading.payload);
    const auto promised = member_of(reading.content_format);
    require(envelope.contains(promised) || (!is_accepted && envelope.contains("base64")));
    if (envelope.contains("text")) require(envelope["text"].get<std::string>() == text_of(reading.payload));
    if (envelope.contains("base64"))
        require(envelope["base64"].get<std::string>() == to_base64(reading.payload));
    if (reading.content_format == kJson && is_accepted)
        require(envelope["value"] == json::parse(reading.payload.begin(), reading.payload.end()));
}

}  // namespace
}  // namespace narrowgate::payload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrowgate;
    ByteReader input(ByteView(data, size));
    const auto format = payload::format_of(input.u8());
    const std::size_t name_bytes = input.u8();
    const auto device = text_of(input.take(std::min(name_bytes, input.remaining())));
    payload::check({.id = "1",
                    .device = device,
                    .fleet = "f",
                    .resource = "r",
                    .received = WallTime{std::chrono::seconds{1'772'366'400}},
                    .content_format = format,
                    .payload = input.rest()});
    return 0;
}
