// SPDX-License-Identifier: Apache-2.0
#include "provisioning/block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/crc32.h"
#include "narrowgate/base/bytes.hpp"

namespace narrowgate::firmware {
namespace {

using Fields = std::vector<std::pair<unsigned, std::string>>;

void append(Bytes& out, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
        out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// A page of flash that begins with a block of `fields`.
Bytes page_of(const Fields& fields) {
    Bytes content;
    for (const auto& [number, value] : fields) {
        content.push_back(static_cast<std::uint8_t>(number));
        content.push_back(static_cast<std::uint8_t>(value.size()));
        content.insert(content.end(), value.begin(), value.end());
    }
    Bytes page = {'N', 'G', 'P', '1'};
    append(page, static_cast<std::uint32_t>(content.size()), 2);
    append(page, 0, 2);
    page.insert(page.end(), content.begin(), content.end());
    append(page, bs_crc32(0, page.data(), page.size()), 4);
    page.resize(PV_BLOCK_BYTES_MAX, 0xff);
    return page;
}

const Fields kNeeded = {{PV_IDENTITY, "wm-0001"}, {PV_PSK, std::string(16, 'k')}, {PV_GATEWAY, "192.0.2.1"}};

Fields with(unsigned field, std::string value) {
    Fields fields = kNeeded;
    std::erase_if(fields, [field](const auto& each) { return each.first == field; });
    fields.emplace_back(field, std::move(value));
    return fields;
}

struct Parsed {
    pv_fault fault;
    unsigned field;
    provisioning values;
};

Parsed parsed(const Bytes& page) {
    Parsed result{};
    result.fault = pv_parse(&result.values, page.data(), page.size(), &result.field);
    return result;
}

// The value that zlib and Ethernet give (and Python, which writes the block).
TEST(NodeCrc32Test, IsTheOneThatEveryoneUses) {
    EXPECT_EQ(bs_crc32(0, "123456789", 9), 0xcbf43926U);
    EXPECT_EQ(bs_crc32(bs_crc32(0, "1234", 4), "56789", 5), 0xcbf43926U);
}

TEST(NodeProvisioningTest, WhatIsNotSaidIsTheDefault) {
    const Parsed result = parsed(page_of(kNeeded));
    ASSERT_EQ(result.fault, PV_GOOD);
    EXPECT_EQ(text_of(ByteView(result.values.identity, result.values.identity_size)), "wm-0001");
    EXPECT_EQ(result.values.psk_size, 16U);
    EXPECT_STREQ(result.values.gateway, "192.0.2.1");
    EXPECT_EQ(result.values.gateway_port, 5684);
    EXPECT_STREQ(result.values.resource, "t");
    EXPECT_EQ(result.values.interval_s, 3600U);
    EXPECT_EQ(result.values.ack_timeout_ms, 10'000U);
    EXPECT_EQ(result.values.periodic_s, 0U);
    EXPECT_STREQ(result.values.apn, "");
}

TEST(NodeProvisioningTest, EachFieldIsHeldToItsRange) {
    const std::vector<std::pair<unsigned, std::string>> bad = {
        {PV_IDENTITY, ""},
        {PV_IDENTITY, std::string(129, 'x')},
        {PV_PSK, std::string(15, 'k')},
        {PV_PSK, std::string(65, 'k')},
        {PV_GATEWAY, "gateway.example"},
        {PV_GATEWAY, "192.0.2"},
        {PV_GATEWAY, "192.0.2.256"},
        {PV_GATEWAY, "192.0.2.1.1"},
        {PV_GATEWAY, "1920.0.2.1"},
        {PV_GATEWAY_PORT, std::string(2, '\0')},
        {PV_GATEWAY_PORT, std::string("\x00\x00\x01", 3)},
        {PV_RESOURCE, ""},
        {PV_RESOURCE, "/t"},
        {PV_RESOURCE, std::string(32, 'r')},
        {PV_APN, "a\"b"},
        {PV_APN, std::string(64, 'a')},
        {PV_PLMN, "2620"},
        {PV_PLMN, "2620x"},
        {PV_INTERVAL, std::string(4, '\0')},
        {PV_INTERVAL, ""},
        {PV_INTERVAL, std::string(5, '\1')},
        {PV_EDRX, "010"},
        {PV_EDRX, "0121"},
        {PV_ACK_TIMEOUT, "\x10"},
    };
    for (const auto& [field, value] : bad) {
        const Parsed result = parsed(page_of(with(field, value)));
        EXPECT_EQ(result.fault, PV_BAD_FIELD) << pv_field_text(field) << " '" << value << "'";
        EXPECT_EQ(result.field, field);
    }
}

TEST(NodeProvisioningTest, AFaultSaysWhichFieldItIs) {
    for (const auto& [missing, value] : kNeeded) {
        Fields fields = kNeeded;
        std::erase_if(fields, [missing = missing](const auto& each) { return each.first == missing; });
        const Parsed result = parsed(page_of(fields));
        EXPECT_EQ(result.fault, PV_MISSING_FIELD);
        EXPECT_EQ(result.field, missing);
        EXPECT_NE(std::string(pv_field_text(result.field)), "");
    }
    Fields twice = kNeeded;
    twice.push_back(kNeeded[0]);
    EXPECT_EQ(parsed(page_of(twice)).fault, PV_BAD_FIELD);
    const Parsed newer = parsed(page_of(with(77, "x")));
    EXPECT_EQ(newer.fault, PV_UNKNOWN_FIELD);
    EXPECT_EQ(newer.field, 77U);
    EXPECT_STREQ(pv_field_text(77), "one of a newer tool");
}

TEST(NodeProvisioningTest, AnErasedPageIsToldFromADamagedOne) {
    EXPECT_EQ(parsed(Bytes(PV_BLOCK_BYTES_MAX, 0xff)).fault, PV_ERASED);
    EXPECT_EQ(parsed(Bytes(PV_BLOCK_BYTES_MAX, 0x00)).fault, PV_ERASED);  // an emulator's
    EXPECT_EQ(parsed(Bytes(PV_BLOCK_BYTES_MAX, 0x5a)).fault, PV_NO_MARK);
    EXPECT_EQ(parsed({}).fault, PV_CUT);
}

TEST(NodeProvisioningTest, EveryBitOfABlockCounts) {
    const Bytes page = page_of(kNeeded);
    const std::size_t size = 8 + 2 + 7 + 2 + 16 + 2 + 9 + 4;
    for (std::size_t bit = 0; bit < size * 8; ++bit) {
        Bytes changed = page;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        EXPECT_NE(parsed(changed).fault, PV_GOOD) << bit;
    }
    for (std::size_t cut = 0; cut < size; ++cut)
        EXPECT_NE(parsed(Bytes(page.begin(), page.begin() + static_cast<std::ptrdiff_t>(cut))).fault,
                  PV_GOOD);
}

}  // namespace
}  // namespace narrowgate::firmware
