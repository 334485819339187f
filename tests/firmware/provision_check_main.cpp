// SPDX-License-Identifier: Apache-2.0
//
// Reads a page from standard input as the node does and says what it found; for provision_tool_test.py.
#include <cstdio>
#include <vector>

#include "provisioning/block.h"

int main() {
    std::vector<unsigned char> page(PV_BLOCK_BYTES_MAX);
    page.resize(std::fread(page.data(), 1, page.size(), stdin));
    provisioning values;
    unsigned field = 0;
    const pv_fault fault = pv_parse(&values, page.data(), page.size(), &field);
    std::printf("%s%s\n", pv_fault_text(fault), pv_field_text(field));
    if (fault != PV_GOOD) return 1;
    std::printf("%.*s %zu %02x %s %u %s %s %s %u %u %u %s %u\n", static_cast<int>(values.identity_size),
                reinterpret_cast<const char*>(values.identity), values.psk_size, values.psk[0],
                values.gateway, values.gateway_port, values.resource, values.apn, values.plmn,
                values.interval_s, values.active_s, values.periodic_s, values.edrx, values.ack_timeout_ms);
    return 0;
}
