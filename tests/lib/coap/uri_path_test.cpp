// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/uri_path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/coap/requests.hpp"

namespace narrowgate::coap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class UriPathTest : public testing::Test {
protected:
    // The path of a message whose Uri-Path options are these.
    std::optional<UriPath> path_of(std::initializer_list<std::string_view> segments, bool split = false) {
        NodeMessage message;
        for (const auto segment : segments)
            message.with(option::kUriPath, segment);
        datagram_ = message.bytes();
        return UriPath::of(decode(datagram_).value(), split);
    }

    Bytes datagram_;  // what the path points into
};

TEST_F(UriPathTest, IsTheOptionsInOrder) {
    EXPECT_THAT(path_of({"a", "b", "c"})->segments(), ElementsAre("a", "b", "c"));
    EXPECT_THAT(path_of({})->segments(), IsEmpty());
    EXPECT_EQ(path_of({"a", "b"})->text(), "a/b");
    EXPECT_EQ(path_of({})->text(), "");
}

// The CoAP inside a SARA-N2 sends the path whole; for a fleet that does not say so it is one odd segment.
TEST_F(UriPathTest, SplitsAWholePathOnlyWhenAskedTo) {
    EXPECT_THAT(path_of({"/up/telemetry"}, true)->segments(), ElementsAre("up", "telemetry"));
    EXPECT_THAT(path_of({"up//telemetry/"}, true)->segments(), ElementsAre("up", "telemetry"));
    EXPECT_THAT(path_of({"/up/telemetry"}, false)->segments(), ElementsAre("/up/telemetry"));
    EXPECT_THAT(path_of({"up/x", "y"}, true)->segments(), ElementsAre("up/x", "y"));
    EXPECT_THAT(path_of({"/"}, true)->segments(), IsEmpty());
}

// A slash, a wildcard of MQTT or a NUL inside of a segment must not become structure in a topic.
TEST_F(UriPathTest, EscapesWhatWouldMakeTwoPathsOne) {
    EXPECT_EQ(path_of({"a/b"})->text(), "a%2Fb");
    EXPECT_EQ(path_of({"#", "+"})->text(), "%23/%2B");
    EXPECT_EQ(path_of({std::string_view("\0", 1), "%"})->text(), "%00/%25");
    EXPECT_EQ(path_of({"\xc3\xa9t\xc3\xa9"})->text(), "%C3%A9t%C3%A9");
    EXPECT_EQ(path_of({"a", "", "b"})->text(), "a//b");
    EXPECT_EQ(path_of({"", "b"})->text(), "/b");
    EXPECT_EQ(path_of({"-._~!$&'()*,;=:@"})->text(), "-._~!$&'()*,;=:@");
}

TEST_F(UriPathTest, RefusesWhatNoPathMayHold) {
    EXPECT_FALSE(path_of({"a", "."}));
    EXPECT_FALSE(path_of({".."}));
    EXPECT_FALSE(path_of({"/a/../b"}, true));
    EXPECT_FALSE(path_of({"\xff"}));
    EXPECT_FALSE(path_of({"\xc0\xaf"}));  // an overlong '/'
}

TEST_F(UriPathTest, HasAtMostSixteenSegments) {
    std::string text = "s";
    for (std::size_t i = 1; i < kMaxPathSegments; ++i)
        text += "/s";
    EXPECT_EQ(path_of({text}, true)->size(), kMaxPathSegments);
    text += "/s";
    EXPECT_FALSE(path_of({text}, true));
    EXPECT_FALSE(UriPath::of(text));
}

}  // namespace
}  // namespace narrowgate::coap
