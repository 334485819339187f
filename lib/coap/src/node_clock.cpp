// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/node_clock.hpp"

#include <algorithm>

#include "narrowgate/coap/numbers.hpp"

namespace narrowgate::coap {

WallTime node_time(ByteView option_value) {
    std::uint64_t since_1970 = 0;
    for (const std::uint8_t byte : option_value)
        since_1970 = since_1970 << 8 | byte;
    constexpr auto kLast = std::chrono::floor<milliseconds>(WallTime::max().time_since_epoch()).count();
    const auto bounded = std::min(since_1970, static_cast<std::uint64_t>(kLast));
    return WallTime(milliseconds(static_cast<milliseconds::rep>(bounded)));
}

void put_time(MessageWriter& writer, WallTime time) {
    const auto since_1970 = std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
    Bytes value;
    ByteWriter(value).u64(static_cast<std::uint64_t>(std::max<milliseconds::rep>(since_1970, 0)));
    const auto leading = std::ranges::find_if(value, [](std::uint8_t byte) { return byte != 0; });
    writer.option(option::kTime, ByteView(leading, value.end()));
}

std::optional<WallTime> clock_correction(std::optional<WallTime> node, WallTime now) {
    if (!node) return std::nullopt;
    const auto off = *node > now ? *node - now : now - *node;
    return off > kClockTolerance ? std::optional(now) : std::nullopt;
}

}  // namespace narrowgate::coap
