// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/content_format.hpp"

#include <algorithm>

namespace narrowgate::payload {

bool is_known(ContentFormat format) {
    return std::ranges::find(kKnownContentFormats, format) != kKnownContentFormats.end();
}

std::string_view media_type(ContentFormat format) {
    switch (format) {
        case kTextPlain:
            return "text/plain;charset=utf-8";
        case kOctetStream:
            return "application/octet-stream";
        case kJson:
            return "application/json";
        case kCbor:
            return "application/cbor";
        case kSenmlJson:
            return "application/senml+json";
        case kSenmlCbor:
            return "application/senml+cbor";
        default:
            return {};
    }
}

}  // namespace narrowgate::payload
