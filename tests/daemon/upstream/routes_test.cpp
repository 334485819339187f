// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

Fleet fleet(const std::string& name, std::initializer_list<std::array<const char*, 3>> routes) {
    Fleet result;
    result.name = name;
    for (const auto& [resource, upstream, topic] : routes) {
        result.routes.push_back(
            {.resource = *coap::PathPattern::parse(resource), .upstream = upstream, .topic = topic});
    }
    return result;
}

std::string topic_of(const Routes& routes, std::string_view fleet_name, std::string_view resource) {
    const Destination* destination = routes.find(fleet_name, resource);
    return destination == nullptr ? "" : destination->topic.text();
}

TEST(RoutesTest, OnlyTheUpstreamsOwnRoutesCountAndTheMostSpecificWins) {
    const std::vector<Fleet> fleets = {fleet("water", {{"**", "aws", "any"},
                                                       {"telemetry", "aws", "exact"},
                                                       {"sensors/*", "aws", "one"},
                                                       {"sensors/*", "pelion", "other"}}),
                                       fleet("gas", {{"telemetry", "pelion", "gas"}})};
    const auto routes = Routes::of(fleets, "aws", "gw-1");
    ASSERT_TRUE(routes);
    EXPECT_EQ(topic_of(*routes, "water", "telemetry"), "exact");
    EXPECT_EQ(topic_of(*routes, "water", "sensors/a"), "one");
    EXPECT_EQ(topic_of(*routes, "water", "sensors/a/b"), "any");
    EXPECT_EQ(topic_of(*routes, "water", ""), "any");
    EXPECT_EQ(topic_of(*routes, "gas", "telemetry"), "");
    EXPECT_EQ(topic_of(*routes, "nobody", "telemetry"), "");
}

// The store keeps paths as coap::UriPath::text() writes them.
TEST(RoutesTest, AnEscapedPathMatchesThePatternOfThePathItself) {
    const std::vector<Fleet> fleets = {fleet("water", {{"a b/c+d", "aws", "found"}})};
    const auto routes = Routes::of(fleets, "aws", "gw-1");
    ASSERT_TRUE(routes);
    EXPECT_EQ(topic_of(*routes, "water", coap::UriPath::of("a b/c+d")->text()), "found");
    EXPECT_EQ(topic_of(*routes, "water", "a%2Fb"), "");
}

TEST(RoutesTest, ATopicThatIsNoneIsRefusedWithFleetAndResource) {
    const std::vector<Fleet> fleets = {fleet("water", {{"telemetry", "aws", "a/#"}})};
    const auto routes = Routes::of(fleets, "aws", "gw-1");
    ASSERT_FALSE(routes);
    EXPECT_THAT(routes.error().what, testing::HasSubstr("fleet water, route of telemetry to aws"));
}

}  // namespace
}  // namespace narrowgate::daemon
