// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/device_keys.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string line(std::string_view identity, std::string_view key = kPskInHex) {
    return std::string(identity) + ",water-meters," + std::string(key);
}

TEST(DeviceCsvTest, ReadsDevicesWithAndWithoutAHeading) {
    for (const char* heading : {"", "identity,fleet,psk_hex\n", "identity,fleet,psk_hex,name\n"}) {
        const auto table = parse_device_csv(heading + line("wm-0001") + "\n" + line("wm-0002") + ",cellar\n");
        EXPECT_THAT(table.mistakes, IsEmpty());
        ASSERT_THAT(table.devices, SizeIs(2));
        EXPECT_EQ(table.devices[0].device.identity, "wm-0001");
        EXPECT_EQ(table.devices[0].device.fleet, "water-meters");
        EXPECT_EQ(table.devices[0].device.name, "");
        EXPECT_EQ(to_hex(table.devices[0].device.psk.view()), kPskInHex);
        EXPECT_EQ(table.devices[1].device.name, "cellar");
    }
}

// Spreadsheets write a byte order mark and CR LF; people leave blank lines and notes.
TEST(DeviceCsvTest, ReadsWhatSpreadsheetsAndPeopleWrite) {
    const auto table =
        parse_device_csv("\xEF\xBB\xBFidentity,fleet,psk_hex\r\n\r\n# cellar\r\n" + line("a") +
                         "\r\n\"b,\"\"c\"\"\"," + "\"water-meters\"," + std::string(kPskInHex));
    EXPECT_THAT(table.mistakes, IsEmpty());
    ASSERT_THAT(table.devices, SizeIs(2));
    EXPECT_EQ(table.devices[0].line, 4U);
    EXPECT_EQ(table.devices[1].device.identity, "b,\"c\"");
    EXPECT_EQ(table.devices[1].line, 5U);
}

TEST(DeviceCsvTest, NamesEveryBadLine) {
    const auto table = parse_device_csv(line("good") + "\n" +                          // 1
                                        "only-one-field\n" +                           // 2
                                        line("") + "\n" +                              // 3
                                        line("short", "0001") + "\n" +                 // 4
                                        line("nohex", "zz") + "\n" +                   // 5
                                        line("good") + "\n" +                          // 6: twice
                                        "\"open,f," + std::string(kPskInHex) + "\n" +  // 7
                                        line("many") + ",name,more\n" +                // 8
                                        line("long", std::string(130, 'a')) + "\n" +   // 9
                                        "x,," + std::string(kPskInHex) + "\n");        // 10
    EXPECT_THAT(table.devices, SizeIs(1));
    std::vector<std::size_t> lines;
    for (const ImportMistake& mistake : table.mistakes)
        lines.push_back(mistake.line);
    EXPECT_THAT(lines, ::testing::ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10));
    EXPECT_THAT(table.mistakes[2].error.what, HasSubstr("2 bytes"));
    EXPECT_THAT(table.mistakes[2].error.cure, HasSubstr("at least 16"));
    EXPECT_THAT(table.mistakes[4].error.what, HasSubstr("is in line 1 too"));
    EXPECT_THAT(table.mistakes[7].error.what, HasSubstr("65 bytes"));
}

// Other separators, columns in another order, a table of another encoding: each line with its number and a
// cure.
TEST(DeviceCsvTest, TablesOfOtherProgramsAreRefusedLineByLineWithACure) {
    const std::string key(kPskInHex);
    for (const std::string& bad : std::vector<std::string>{
             "a;water-meters;" + key, "a\twater-meters\t" + key, key + ",water-meters,a",
             "a," + key + ",water-meters", "a,water-meters,0x" + key, "a,water-meters,\"" + key,
             "a,water-meters," + key.substr(1), "a,water-meters,", std::string("a\0,w,", 5) + key,
             std::string("identity;fleet;psk_hex")}) {
        const auto table = parse_device_csv(line("good") + "\n" + bad + "\n");
        EXPECT_THAT(table.devices, SizeIs(1)) << bad;
        ASSERT_THAT(table.mistakes, SizeIs(1)) << bad;
        EXPECT_EQ(table.mistakes[0].line, 2U) << bad;
        EXPECT_NE(table.mistakes[0].error.what, "") << bad;
        EXPECT_NE(table.mistakes[0].error.cure, "") << bad;
    }
}

// A line that is refused may hold a good key with one digit too many: it must not come back in a message.
TEST(DeviceCsvTest, NoMistakeQuotesAKey) {
    const auto table = parse_device_csv(line("a", std::string(kPskInHex) + "f") + "\n" +
                                        line("b", "\"" + std::string(kPskInHex)));
    ASSERT_THAT(table.mistakes, SizeIs(2));
    for (const ImportMistake& mistake : table.mistakes)
        EXPECT_THAT(mistake.error.text(), ::testing::Not(HasSubstr("0001020304")));
}

TEST(DeviceCsvTest, ControlCharactersAndOverlongIdentitiesAreRefused) {
    const auto table =
        parse_device_csv(line("a\tb") + "\n" + line("\xC3\x28") + "\n" + line(std::string(129, 'a')) + "\n" +
                         line(std::string(128, 'a')) + "\n");
    EXPECT_THAT(table.mistakes, SizeIs(3));
    EXPECT_THAT(table.devices, SizeIs(1));
}

TEST(DeviceCsvTest, WhatIsExportedWithKeysIsImportedAsTheSame) {
    std::vector<store::CredentialRow> rows;
    for (const char* identity : {"plain", "comma,quote\"", "#hash", " blank"}) {
        store::CredentialRow row;
        row.identity = identity;
        row.fleet = "water-meters";
        row.device = std::string(identity) + "-name";
        row.psk = Secret(*from_hex(kPskInHex));
        rows.push_back(std::move(row));
    }
    const auto table = parse_device_csv(write_device_csv(rows, true));
    EXPECT_THAT(table.mistakes, IsEmpty());
    ASSERT_THAT(table.devices, SizeIs(rows.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(table.devices[i].device.identity, rows[i].identity);
        EXPECT_EQ(table.devices[i].device.name, rows[i].device);
        EXPECT_EQ(to_hex(table.devices[i].device.psk.view()), kPskInHex);
    }
}

TEST(DeviceCsvTest, AnExportWithoutKeysSaysSoWhenItIsImported) {
    std::vector<store::CredentialRow> rows(1);
    rows[0].identity = rows[0].device = "a";
    rows[0].fleet = "f";
    const auto table = parse_device_csv(write_device_csv(rows, false));
    EXPECT_THAT(table.devices, IsEmpty());
    ASSERT_THAT(table.mistakes, SizeIs(1));
    EXPECT_THAT(table.mistakes[0].error.cure, HasSubstr("--with-keys"));
}

}  // namespace
}  // namespace narrowgate::daemon
