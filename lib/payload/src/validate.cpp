// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/validate.hpp"

#include <fmt/format.h>

#include "render.hpp"

namespace narrowgate::payload {
namespace {

// Stands for the time of receipt, which the verdict must not depend on: as long in digits as one gets.
constexpr WallTime kAnyTime{std::chrono::seconds{4'102'444'800} + std::chrono::microseconds{1}};

}  // namespace

std::optional<std::string> reject_reason(std::optional<ContentFormat> format, ByteView payload,
                                         const Limits& limits) {
    std::string content;
    content.reserve(4 * payload.size() + 64);
    auto reason = append_content(format, payload, limits, kAnyTime, content);
    if (!reason && content.size() > limits.max_rendered_bytes)
        reason = fmt::format("more than {} bytes as JSON", limits.max_rendered_bytes);
    if (reason && reason->size() > kMaxReasonBytes) reason->resize(kMaxReasonBytes);
    return reason;
}

}  // namespace narrowgate::payload
