// SPDX-License-Identifier: Apache-2.0
//
// A provisioning page of any content, as after a flash that went wrong or was written by another tool. Its
// checksum is put right half of the time: behind it are the fields. Held: nothing is read outside the page,
// and what is accepted is in the ranges that the layers above rely on.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/crc32.h"
#include "provisioning/block.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::uint8_t> page(data, data + size);
    if (size > 13 && (data[size - 1] & 1) != 0) {
        page.pop_back();
        const std::size_t fields = page.size() - 12;
        std::memcpy(page.data(), "NGP1", 4);
        page[4] = static_cast<std::uint8_t>(fields);
        page[5] = static_cast<std::uint8_t>(fields >> 8);
        page[6] = page[7] = 0;
        const std::uint32_t crc = bs_crc32(0, page.data(), 8 + fields);
        for (std::size_t i = 0; i < 4; ++i)
            page[8 + fields + i] = static_cast<std::uint8_t>(crc >> (8 * i));
    }
    provisioning values;
    unsigned field = 0;
    const pv_fault fault = pv_parse(&values, page.data(), page.size(), &field);
    if (std::strlen(pv_fault_text(fault)) == 0 || pv_field_text(field) == nullptr) std::abort();
    if (fault != PV_GOOD) return 0;
    if (values.identity_size == 0 || values.identity_size > PV_IDENTITY_BYTES_MAX ||
        values.psk_size < PV_PSK_BYTES_MIN || values.psk_size > PV_PSK_BYTES_MAX ||
        values.gateway_port == 0 || values.interval_s == 0 || std::strlen(values.gateway) < 7 ||
        std::strpbrk(values.apn, "\",\\\r\n") != nullptr)
        std::abort();
    return 0;
}
