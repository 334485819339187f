// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/diagnostics.hpp"

namespace narrowgate::coap {

std::string_view diagnostic_of(Code code) {
    switch (code) {
        case Code::kBadRequest:
            return "bad request";
        case Code::kUnauthorized:
            return "not authorized";
        case Code::kBadOption:
            return "critical option not understood";
        case Code::kForbidden:
            return "not for this device";
        case Code::kNotFound:
            return "no such resource";
        case Code::kMethodNotAllowed:
            return "method not allowed here";
        case Code::kNotAcceptable:
            return "no such representation";
        case Code::kRequestEntityIncomplete:
            return "blocks missing, start again";
        case Code::kRequestEntityTooLarge:
            return "payload too large";
        case Code::kUnsupportedContentFormat:
            return "content format not accepted here";
        case Code::kTooManyRequests:
            return "too many requests, wait Max-Age";
        case Code::kInternalServerError:
            return "gateway error";
        case Code::kNotImplemented:
            return "not implemented";
        case Code::kServiceUnavailable:
            return "store full, wait Max-Age";
        case Code::kProxyingNotSupported:
            return "no proxy here";
        default:
            return {};
    }
}

std::string_view short_diagnostic(std::string_view reason) {
    if (reason.size() <= kMaxDiagnosticBytes) return reason;
    std::size_t end = kMaxDiagnosticBytes;
    const auto continues = [&] { return (static_cast<unsigned char>(reason[end]) & 0xc0) == 0x80; };
    while (end > 0 && continues())
        --end;
    return reason.substr(0, end);
}

}  // namespace narrowgate::coap
