// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/envelope.hpp"

#include "cbor_value.hpp"
#include "json_text.hpp"
#include "json_value.hpp"
#include "render.hpp"
#include "senml.hpp"

namespace narrowgate::payload {
namespace {

std::optional<std::string> append_text(ByteView payload, std::string& out) {
    if (!is_utf8(payload)) return "text that is not UTF-8";
    if (text_of(payload).contains('\0')) return "text with a zero byte";
    out += "\"text\":";
    append_json_string(out, text_of(payload));
    return std::nullopt;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += '"';
    out += name;
    out += "\":";
    append_json_string(out, text);
    out += ',';
}

}  // namespace

void append_base64(ByteView payload, std::string& out) {
    out += "\"base64\":\"";
    out += to_base64(payload);
    out += '"';
}

std::optional<std::string> append_content(std::optional<ContentFormat> format, ByteView payload,
                                          const Limits& limits, WallTime received, std::string& out) {
    if (!format || *format == kOctetStream) {
        append_base64(payload, out);
        return std::nullopt;
    }
    if (!is_known(*format)) return "Content-Format that is not known";
    if (*format == kTextPlain) return append_text(payload, out);
    if (payload.empty()) return "no payload";

    if (is_senml(format)) {
        SenmlJsonForm form;
        out += "\"senml\":";
        return append_senml(*format, payload, limits, received, form, out);
    }
    out += "\"value\":";
    return *format == kJson ? convert_json(payload, limits, out) : convert_cbor(payload, limits, out);
}

std::optional<std::string> append_senml(ContentFormat format, ByteView payload, const Limits& limits,
                                        WallTime received, RecordForm& form, std::string& out) {
    return format == kSenmlJson ? resolve_senml_json(payload, limits, received, form, out)
                                : resolve_senml_cbor(payload, limits, received, form, out);
}

std::string render_envelope(const Reading& reading) {
    std::string out;
    out.reserve(4 * reading.payload.size() + 256);
    out += '{';
    append_member(out, "id", reading.id);
    append_member(out, "device", reading.device);
    append_member(out, "fleet", reading.fleet);
    append_member(out, "resource", reading.resource);
    append_member(out, "received", to_rfc3339(reading.received));
    out += "\"content_format\":";
    out += reading.content_format ? std::to_string(*reading.content_format) : "null";
    out += ',';
    const std::size_t content = out.size();
    if (append_content(reading.content_format, reading.payload, kRenderLimits, reading.received, out)) {
        out.resize(content);
        append_base64(reading.payload, out);
    }
    out += '}';
    return out;
}

}  // namespace narrowgate::payload
