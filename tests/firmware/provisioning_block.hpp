// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/crc32.h"
#include "narrowgate/base/bytes.hpp"

namespace narrowgate::firmware {

// A provisioning block (firmware/provisioning/block.h) of these fields, right or wrong.
inline Bytes block_of(const std::vector<std::pair<unsigned, std::string>>& fields) {
    Bytes block = {'N', 'G', 'P', '1', 0, 0, 0, 0};
    for (const auto& [number, value] : fields) {
        block.push_back(static_cast<std::uint8_t>(number));
        block.push_back(static_cast<std::uint8_t>(value.size()));
        block.insert(block.end(), value.begin(), value.end());
    }
    block[4] = static_cast<std::uint8_t>(block.size() - 8);
    block[5] = static_cast<std::uint8_t>((block.size() - 8) >> 8);
    const std::uint32_t crc = bs_crc32(0, block.data(), block.size());
    for (int i = 0; i < 4; ++i)
        block.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
    return block;
}

}  // namespace narrowgate::firmware
