// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/ipso_mapping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

using payload::Record;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Record number(std::string name, std::string unit, std::string value = "1") {
    return {.name = std::move(name),
            .unit = std::move(unit),
            .kind = Record::Kind::kNumber,
            .value = std::move(value)};
}

std::vector<std::string> texts(const ResourceValues& values) {
    std::vector<std::string> texts;
    for (const auto& [path, value] : values)
        texts.push_back(to_text(path) + "=" + value);
    return texts;
}

std::vector<std::string> mapped(std::vector<Record> records, std::vector<ResourceMap> maps = {}) {
    Instances instances;
    return texts(IpsoMapping(maps).apply(records, instances).values);
}

TEST(IpsoMappingTest, UnitsLeadToTheirObjects) {
    EXPECT_THAT(mapped({number("{device}:t", "Cel", "21.5")}), ElementsAre("/3303/0/5700=21.5"));
    EXPECT_THAT(mapped({number("h", "%RH", "40")}), ElementsAre("/3304/0/5700=40"));
    EXPECT_THAT(mapped({number("p", "W", "40")}), ElementsAre("/3328/0/5700=40"));
    EXPECT_THAT(mapped({number("where", "lat", "1"), number("where", "lon", "2")}),
                ElementsAre("/3336/0/6051=1", "/3336/0/6052=2"));
}

TEST(IpsoMappingTest, ANameThatSaysMoreThanTheUnitCountsFirst) {
    EXPECT_THAT(mapped({number("{device}/depth", "m", "3")}), ElementsAre("/3319/0/5700=3"));
    EXPECT_THAT(mapped({number("{device}/reach", "m", "3")}), ElementsAre("/3330/0/5700=3"));
    EXPECT_THAT(mapped({{.name = "presence", .unit = "", .kind = Record::Kind::kBoolean, .value = "true"}}),
                ElementsAre("/3302/0/5500=1"));
}

// A generic sensor's unit is nowhere else to be seen.
TEST(IpsoMappingTest, WhereTheObjectDoesNotSayTheUnitItGoesBesideTheValue) {
    EXPECT_THAT(mapped({number("v", "m3", "17.25")}), ElementsAre("/3300/0/5700=17.25", "/3300/0/5701=m3"));
}

TEST(IpsoMappingTest, NamesThatComeTogetherGetInstancesInTheirOrderAndKeepThem) {
    const IpsoMapping mapping;
    Instances instances;
    const std::vector first = {number("out", "Cel", "2"), number("in", "Cel", "1")};
    EXPECT_THAT(texts(mapping.apply(first, instances).values),
                ElementsAre("/3303/0/5700=1", "/3303/1/5700=2"));
    const std::vector later = {number("attic", "Cel", "9"), number("out", "Cel", "3")};
    EXPECT_THAT(texts(mapping.apply(later, instances).values),
                ElementsAre("/3303/1/5700=3", "/3303/2/5700=9"));
}

TEST(IpsoMappingTest, AFleetsOwnMapCountsBeforeTheTableAndItsInstanceIsNobodyElses) {
    const std::vector<ResourceMap> maps = {
        {.name = "volume", .unit = "m3", .path = {.object = 3424, .instance = 0, .resource = 1}},
        {.name = "urn:dev:{device}:boiler",
         .unit = "",
         .path = {.object = 3303, .instance = 0, .resource = 5700}}};
    EXPECT_THAT(
        mapped({number("urn:dev:{device}:volume", "m3", "5"), number("urn:dev:{device}:boiler", "Cel", "60"),
                number("urn:dev:{device}:air", "Cel", "20")},
               maps),
        ElementsAre("/3303/0/5700=60", "/3303/1/5700=20", "/3424/0/1=5"));
    EXPECT_THAT(mapped({number("{device}:volume", "l", "5")}, maps),
                ElementsAre("/3300/0/5700=5", "/3300/0/5701=l"))
        << "another unit is another value";
}

TEST(IpsoMappingTest, OfSeveralValuesOfOneNameTheLastCounts) {
    EXPECT_THAT(mapped({number("t", "Cel", "1"), number("t", "Cel", "2")}), ElementsAre("/3303/0/5700=2"));
}

// What the translator holds is a C string; what is kept in memory has a bound.
TEST(IpsoMappingTest, WhatHasNoPlaceIsCounted) {
    Instances instances;
    const std::vector<ResourceMap> maps = {
        {.name = "state", .unit = "", .path = {.object = 10'300, .instance = 0, .resource = 7}}};
    const IpsoMapping mapping(maps);
    const std::vector<Record> none = {
        number("seq", ""),
        {.name = "state", .unit = "", .kind = Record::Kind::kText, .value = ""},
        {.name = "state",
         .unit = "",
         .kind = Record::Kind::kText,
         .value = std::string(kMaxValueBytes + 1, 'x')},
        {.name = "total", .unit = "Cel", .kind = Record::Kind::kSum, .value = "7"}};
    const MappedReading reading = mapping.apply(none, instances);
    EXPECT_THAT(reading.values, IsEmpty());
    EXPECT_EQ(reading.unmapped, 4U);
    EXPECT_FALSE(mapping.maps_any(none));

    const std::vector<Record> zero = {
        {.name = "state", .unit = "", .kind = Record::Kind::kText, .value = std::string("a\0b", 3)}};
    EXPECT_THAT(mapping.apply(zero, instances).values, ElementsAre(Pair(maps[0].path,
                                                                        "a\xEF\xBF\xBD"
                                                                        "b")));
}

TEST(IpsoMappingTest, ANodeHasNoMoreResourcesThanItsShare) {
    std::vector<Record> records;
    records.reserve(kMaxNodeResources + 10);
    for (std::size_t i = 0; i < kMaxNodeResources + 10; ++i)
        records.push_back(number("t" + std::to_string(i), "Cel"));
    Instances instances;
    const MappedReading reading = IpsoMapping().apply(records, instances);
    EXPECT_EQ(reading.values.size(), kMaxNodeResources);
    EXPECT_EQ(reading.unmapped, 10U);
}

TEST(IpsoMappingTest, AShortNameIsWhatFollowsTheDevice) {
    EXPECT_EQ(short_name("urn:dev:{device}:volume"), "volume");
    EXPECT_EQ(short_name("{device}/a/b"), "a/b");
    EXPECT_EQ(short_name("volume"), "volume");
    EXPECT_EQ(short_name("x{device}"), "x{device}");
}

TEST(IpsoMappingTest, ResourcesThatCannotWorkAreToldInWords) {
    const auto problem = [](std::uint16_t object, std::uint16_t resource) {
        return problem_of({.object = object, .instance = 0, .resource = resource}).value_or("");
    };
    EXPECT_EQ(problem(3303, 5700), "");
    EXPECT_EQ(problem(3424, 1), "");
    EXPECT_EQ(problem(3301, 5701), "");
    EXPECT_EQ(problem(3301, 5821), "") << "calibration";
    EXPECT_EQ(problem(3305, 5805), "") << "cumulative active power";
    EXPECT_EQ(problem(3305, 5820), "") << "power factor";
    EXPECT_EQ(problem(3336, 5514), "") << "latitude as a text, of version 1.0";
    EXPECT_EQ(problem(3342, 5854), "") << "time off";
    EXPECT_THAT(problem(3303, 5701), HasSubstr("/3303/0/5700"));
    EXPECT_THAT(problem(3304, 5601), HasSubstr("cannot be had"));
    EXPECT_THAT(problem(3301, 5900), HasSubstr("no resource 5900"));
    EXPECT_THAT(problem(3301, 5805), HasSubstr("no resource 5805"));
    EXPECT_THAT(problem(3305, 5807), HasSubstr("no resource 5807"));
    EXPECT_THAT(problem(3342, 5853), HasSubstr("no resource 5853"));
    EXPECT_THAT(problem(3, 9), HasSubstr("no object for sensors"));
    EXPECT_THAT(problem(3424, 40'000), HasSubstr("no resource of LwM2M"));
}

}  // namespace
}  // namespace narrowgate::daemon
