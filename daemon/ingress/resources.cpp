// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/resources.hpp"

#include "narrowgate/coap/diagnostics.hpp"
#include "narrowgate/coap/node_clock.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::daemon {
namespace {

using coap::Code;
using coap::Response;

// A queue that is nearly full is written within seconds, unless more comes.
constexpr seconds kOverloadPasses{10};

Answer plain(const coap::Request& request, const Response& response) {
    return {.reply = coap::respond(request.asked, response)};
}

Answer refuse(const coap::Request& request, Code code) {
    return plain(request, coap::refusal(code));
}

// CBOR of the moment: tag 1, seconds since 1970 as an unsigned integer (RFC 8949 section 3.4.2).
Bytes cbor_time(WallTime time) {
    constexpr std::uint8_t kEpochTimeTag = 0xc1;
    constexpr std::uint8_t kUnsigned64 = 0x1b;
    const auto since_1970 = std::chrono::floor<seconds>(time.time_since_epoch()).count();
    Bytes out;
    ByteWriter(out).u8(kEpochTimeTag).u8(kUnsigned64).u64(static_cast<std::uint64_t>(since_1970));
    return out;
}

}  // namespace

Answer Resources::answer(const coap::Request& request, const Asker& asker, const Policies& policies,
                         Now now) {
    if (asker.policy == nullptr) return refuse(request, Code::kForbidden);
    const auto resource = asker.policy->find(request.path, request.method);
    if (!resource) {
        const bool elsewhere =
            resource.error() == Code::kNotFound && policies.known(request.path, request.method);
        return refuse(request, elsewhere ? Code::kForbidden : resource.error());
    }
    switch (*resource) {
        case ResourceKind::kTelemetry:
            return telemetry(request, asker, now);
        case ResourceKind::kTime:
            return time(request, now);
        case ResourceKind::kWellKnownCore:
            return well_known_core(request, asker);
    }
    return refuse(request, Code::kNotFound);
}

Answer Resources::telemetry(const coap::Request& request, const Asker& asker, Now now) {
    const Fleet& fleet = asker.policy->fleet();
    if (asker.overloaded) {
        return {.reply = refused(request.asked, kOverloadPasses, fleet.report_interval), .overloaded = true};
    }
    const payload::ContentFormat format = request.content_format.value_or(fleet.no_content_format);
    if (!payload::is_known(format)) return refuse(request, Code::kUnsupportedContentFormat);
    std::string resource = request.path.text();
    if (resource.size() > store::kMaxNameBytes) {
        return plain(request, {.code = Code::kBadRequest, .payload = bytes_of("path too long")});
    }

    Response response{.code = Code::kChanged};
    ByteView body = request.payload;
    std::optional<coap::BlockUploads::UploadId> upload;
    if (request.block1) {
        auto outcome = uploads_.receive(request, fleet.max_payload, asker.max_application_bytes, now);
        if (const auto* next = std::get_if<coap::BlockUploads::Continue>(&outcome)) {
            return plain(request, {.code = Code::kContinue, .block1 = next->block1});
        }
        if (const auto* refused = std::get_if<coap::BlockUploads::Refused>(&outcome)) {
            Response refusal = coap::refusal(refused->code);
            refusal.block1 = refused->block1;
            refusal.size1 = refused->size1;
            return plain(request, refusal);
        }
        const auto& complete = std::get<coap::BlockUploads::Complete>(outcome);
        response.block1 = complete.block1;
        body = complete.body;
        upload = complete.upload;
    } else if (body.size() > fleet.max_payload) {
        Response refusal = coap::refusal(Code::kRequestEntityTooLarge);
        refusal.size1 = static_cast<std::uint32_t>(fleet.max_payload);
        return plain(request, refusal);
    }

    const auto settle = [&](Response refusal) {
        if (upload) uploads_.release(*upload);
        refusal.block1 = response.block1;
        return plain(request, refusal);
    };
    if (fleet.max_readings_per_minute != 0) {
        if (const auto wait =
                limiter_.take(request.asked.session, fleet.max_readings_per_minute, now.steady)) {
            Response refusal = coap::refusal(Code::kTooManyRequests);
            refusal.max_age = spread_.after(*wait, fleet.report_interval);
            return settle(refusal);
        }
    }
    if (const auto reason = payload::reject_reason(format, body)) {
        return settle({.code = Code::kBadRequest, .payload = bytes_of(coap::short_diagnostic(*reason))});
    }

    response.time = coap::clock_correction(request.time, now.wall);
    Answer answer = plain(request, response);
    answer.upload = upload;
    answer.reading = store::NewReading{.device = std::string(asker.device),
                                       .fleet = std::string(asker.fleet),
                                       .resource = std::move(resource),
                                       .content_format = format,
                                       .payload = Bytes(body.begin(), body.end()),
                                       .received = now.wall,
                                       .upstreams = asker.policy->upstreams_of(request.path)};
    return answer;
}

Answer Resources::time(const coap::Request& request, Now now) {
    const std::uint16_t format = request.accept.value_or(coap::content_format::kText);
    // Fresh for no time at all: a cache must not hand it on (RFC 7252 section 5.6.1).
    Response response{.code = Code::kContent, .content_format = format, .max_age = seconds(0)};
    if (format == coap::content_format::kCbor) {
        const Bytes body = cbor_time(now.wall);
        response.payload = body;
        return plain(request, response);
    }
    if (format == coap::content_format::kText) {
        const std::string body = to_rfc3339(now.wall);
        response.payload = bytes_of(body);
        return plain(request, response);
    }
    return refuse(request, Code::kNotAcceptable);
}

Answer Resources::well_known_core(const coap::Request& request, const Asker& asker) {
    if (request.accept && *request.accept != coap::content_format::kLinkFormat) {
        return refuse(request, Code::kNotAcceptable);
    }
    const ByteView body = bytes_of(asker.policy->links());
    const auto piece = coap::slice(body, request.block2, asker.max_application_bytes);
    if (!piece) return refuse(request, piece.error());
    Response response{.code = Code::kContent, .content_format = coap::content_format::kLinkFormat};
    response.block2 = piece->block2;
    response.size2 = piece->size2;
    response.payload = piece->payload;
    if (piece->block2) response.etag = coap::etag_of(body);
    return plain(request, response);
}

void Resources::expire(Now now) {
    uploads_.expire(now);
    limiter_.expire(now.steady);
}

Bytes Resources::refused(const coap::Asked& asked, seconds retry_after, seconds spread) {
    Response refusal = coap::refusal(Code::kServiceUnavailable);
    refusal.max_age = spread_.after(retry_after, spread);
    return coap::respond(asked, refusal);
}

void Resources::forget(dtls::SessionId session) {
    uploads_.forget(session);
    limiter_.forget(session);
}

}  // namespace narrowgate::daemon
