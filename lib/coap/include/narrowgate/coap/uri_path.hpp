// SPDX-License-Identifier: Apache-2.0
//
// The path a request is for, as the segments of its Uri-Path options (RFC 7252 section 5.10.1).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "narrowgate/coap/codec.hpp"

namespace narrowgate::coap {

inline constexpr std::size_t kMaxPathSegments = 16;

// Segments point into the datagram and live as long.
class UriPath {
public:
    // The root: no segments.
    UriPath() = default;

    // Nothing when a segment is not UTF-8, is "." or ".." (both forbidden by RFC 7252 section 5.10.1), or
    // when there are more than kMaxPathSegments.
    //
    // `split_uri_path` is for CoAP stacks inside modems (u-blox SARA-N2 and kin) that put "/a/b" whole into
    // one option: a path of one option is then split at its slashes, empty pieces left out.
    static std::optional<UriPath> of(const MessageView& message, bool split_uri_path);
    // The same for text such as "a/b", which must outlive the result.
    static std::optional<UriPath> of(std::string_view text);

    std::span<const std::string_view> segments() const { return std::span(segments_).first(count_); }
    std::size_t size() const { return count_; }

    // "a/b", without a leading slash. Bytes that RFC 7252 section 6.5 says to escape, and '+', which MQTT
    // gives a meaning, are percent-encoded: different paths have different texts (but for the root and a
    // single empty segment, which are one resource by the same section).
    std::string text() const;

private:
    bool add(std::string_view segment);

    std::array<std::string_view, kMaxPathSegments> segments_{};
    std::size_t count_ = 0;
};

}  // namespace narrowgate::coap
