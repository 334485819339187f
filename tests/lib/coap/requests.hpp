// SPDX-License-Identifier: Apache-2.0
//
// Messages as a node would send them, for the tests of this room.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narrowgate/coap/blockwise.hpp"
#include "narrowgate/coap/codec.hpp"

namespace narrowgate::coap {

struct NodeMessage {
    MessageType type = MessageType::kConfirmable;
    Code code = Code::kPost;
    std::uint16_t mid = 0x7d34;
    Bytes token{0x20};
    std::vector<std::pair<std::uint16_t, Bytes>> options{};  // in ascending order
    std::string payload{};

    NodeMessage& path(std::string_view text) {
        while (!text.empty()) {
            const auto segment = text.substr(0, text.find('/'));
            text.remove_prefix(std::min(segment.size() + 1, text.size()));
            with(option::kUriPath, segment);
        }
        return *this;
    }
    // Behind the options of the same number.
    NodeMessage& with_bytes(std::uint16_t number, Bytes value) {
        const auto place =
            std::ranges::upper_bound(options, number, {}, &std::pair<std::uint16_t, Bytes>::first);
        options.emplace(place, number, std::move(value));
        return *this;
    }
    NodeMessage& with(std::uint16_t number, std::string_view value = {}) {
        const auto bytes = bytes_of(value);
        return with_bytes(number, Bytes(bytes.begin(), bytes.end()));
    }
    NodeMessage& with_uint(std::uint16_t number, std::uint32_t value) {
        Bytes bytes;
        for (int shift = 24; shift >= 0; shift -= 8) {
            const auto byte = static_cast<std::uint8_t>(value >> shift);
            if (byte != 0 || !bytes.empty()) bytes.push_back(byte);
        }
        return with_bytes(number, std::move(bytes));
    }
    NodeMessage& block1(std::uint32_t number, bool more, std::uint8_t szx) {
        return with_uint(option::kBlock1, BlockOption{number, more, szx}.value());
    }

    Bytes bytes() const {
        Bytes out;
        MessageWriter writer(out, type, code, mid, token);
        for (const auto& [number, value] : options)
            writer.option(number, value);
        writer.payload(bytes_of(payload));
        return out;
    }
};

}  // namespace narrowgate::coap
