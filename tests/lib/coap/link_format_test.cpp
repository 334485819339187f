// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/link_format.hpp"

#include <gtest/gtest.h>

namespace narrowgate::coap {
namespace {

// The form of RFC 6690 section 5 and of the "ct" of RFC 7252 section 7.2.1.
TEST(LinkFormatTest, ListsPathsFormatsAndTypes) {
    const std::vector<Link> links = {
        {.path = "telemetry", .content_formats = {110, 112}, .resource_type = "telemetry"},
        {.path = "sensors/temp", .content_formats = {0}},
        {.path = "time"},
    };
    EXPECT_EQ(to_link_format(links),
              "</telemetry>;ct=\"110 112\";rt=\"telemetry\",</sensors/temp>;ct=0,</time>");
}

TEST(LinkFormatTest, QuotesWhatWouldEndAString) {
    const std::vector<Link> links = {{.path = "a", .resource_type = "say \"x\\y\""}};
    EXPECT_EQ(to_link_format(links), "</a>;rt=\"say \\\"x\\\\y\\\"\"");
}

TEST(LinkFormatTest, IsEmptyForNoResources) {
    EXPECT_EQ(to_link_format({}), "");
}

}  // namespace
}  // namespace narrowgate::coap
