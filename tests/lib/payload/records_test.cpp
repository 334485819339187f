// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/payload/records.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrowgate::payload {
namespace {

using testing::ElementsAre;

std::optional<std::vector<Record>> records(std::string_view senml, std::string_view device = "wm-1",
                                           std::optional<ContentFormat> format = kSenmlJson) {
    return records_of({.id = "store-1",
                       .device = device,
                       .fleet = "water-meters",
                       .resource = "telemetry",
                       .received = WallTime(seconds(1'767'225'600)),
                       .content_format = format,
                       .payload = bytes_of(senml)});
}

std::vector<std::string> names(const std::vector<Record>& records) {
    std::vector<std::string> names;
    for (const Record& record : records)
        names.push_back(record.name + "=" + record.value + record.unit);
    return names;
}

TEST(RecordsTest, BaseFieldsArePutIntoEachRecordAndTheDeviceIsABlank) {
    const auto found =
        records(R"([{"bn":"urn:dev:wm-1:","bu":"Cel","n":"in","v":21.50},{"n":"out","v":-3}])");
    ASSERT_TRUE(found);
    EXPECT_THAT(names(*found), ElementsAre("urn:dev:{device}:in=21.5Cel", "urn:dev:{device}:out=-3Cel"));
}

// The last one is the newest: whoever keeps one value keeps that.
TEST(RecordsTest, TheyAreInTheOrderOfTheirTimes) {
    const auto found =
        records(R"([{"n":"a","v":1,"t":-10},{"n":"a","v":2,"t":-60},{"n":"a","v":3},{"n":"b","v":4}])");
    ASSERT_TRUE(found);
    EXPECT_THAT(names(*found), ElementsAre("a=2", "a=1", "a=3", "b=4"));
}

TEST(RecordsTest, EachKindOfValueIsText) {
    const auto found =
        records(R"([{"n":"t","vs":"open"},{"n":"b","vb":true},{"n":"d","vd":"AQI"},{"n":"s","s":7},
                                   {"n":"n","v":1e2,"s":9}])");
    ASSERT_TRUE(found);
    std::vector<Record::Kind> kinds;
    for (const Record& record : *found)
        kinds.push_back(record.kind);
    EXPECT_THAT(kinds, ElementsAre(Record::Kind::kText, Record::Kind::kBoolean, Record::Kind::kData,
                                   Record::Kind::kSum, Record::Kind::kNumber));
    EXPECT_THAT(names(*found), ElementsAre("t=open", "b=true", "d=AQI", "s=7", "n=100"));
}

TEST(RecordsTest, WhatIsNoSenmlHasNone) {
    EXPECT_FALSE(records("21.5", "wm-1", kTextPlain));
    EXPECT_FALSE(records("[{}]", "wm-1", std::nullopt));
    EXPECT_FALSE(records("[{\"n\":1}]"));
}

}  // namespace
}  // namespace narrowgate::payload
