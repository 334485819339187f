// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/node_clock.hpp"

#include <coap3/coap.h>

#include <algorithm>
#include <array>

#include "narrowgate/coap/numbers.hpp"

namespace narrowgate::coap {

WallTime node_time(ByteView option_value) {
    const std::uint64_t since_1970 = coap_decode_var_bytes8(option_value.data(), option_value.size());
    constexpr auto kLast = std::chrono::floor<milliseconds>(WallTime::max().time_since_epoch()).count();
    const auto bounded = std::min(since_1970, static_cast<std::uint64_t>(kLast));
    return WallTime(milliseconds(static_cast<milliseconds::rep>(bounded)));
}

void put_time(MessageWriter& writer, WallTime time) {
    const auto since_1970 = std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
    std::array<std::uint8_t, sizeof(std::uint64_t)> value{};
    const std::size_t used = coap_encode_var_safe8(
        value.data(), value.size(), static_cast<std::uint64_t>(std::max<milliseconds::rep>(since_1970, 0)));
    writer.option(option::kTime, ByteView(value).first(used));
}

std::optional<WallTime> clock_correction(std::optional<WallTime> node, WallTime now) {
    if (!node) return std::nullopt;
    const auto off = *node > now ? *node - now : now - *node;
    return off > kClockTolerance ? std::optional(now) : std::nullopt;
}

}  // namespace narrowgate::coap
