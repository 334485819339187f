// SPDX-License-Identifier: Apache-2.0
//
// Each way to get the configuration wrong, where it is found and what is said about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_texts.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Spoilt {
    std::string name;  // of the test
    bool in_fleet;     // which of the two files
    std::string from;  // of config_texts.hpp
    std::string to;
    std::size_t line;
    std::size_t column;
    std::string what;
    std::string cure;
};

void PrintTo(const Spoilt& spoilt, std::ostream* out) {
    *out << spoilt.name;
}

std::string name_of_test(const ::testing::TestParamInfo<Spoilt>& spoilt) {
    return spoilt.param.name;
}

class ConfigMistakeTest : public ::testing::TestWithParam<Spoilt> {};

TEST_P(ConfigMistakeTest, IsFoundWhereItIsAndNothingElseIs) {
    const Spoilt& spoilt = GetParam();
    const auto config =
        spoilt.in_fleet
            ? parse_texts(std::string(kGatewayText), replaced(kFleetText, spoilt.from, spoilt.to))
            : parse_texts(replaced(kGatewayText, spoilt.from, spoilt.to), std::string(kFleetText));
    ASSERT_FALSE(config);
    ASSERT_THAT(config.error(), SizeIs(1)) << config.error().at(1).text();
    const Mistake& mistake = config.error()[0];
    EXPECT_EQ(mistake.file, spoilt.in_fleet ? "fleet.toml" : "gateway.toml");
    EXPECT_EQ(mistake.line, spoilt.line) << mistake.text();
    EXPECT_EQ(mistake.column, spoilt.column) << mistake.text();
    EXPECT_THAT(mistake.what, HasSubstr(spoilt.what));
    EXPECT_THAT(mistake.cure, HasSubstr(spoilt.cure));
}

INSTANTIATE_TEST_SUITE_P(
    Gateway, ConfigMistakeTest,
    ::testing::Values(
        Spoilt{"UnknownKey", false, "mtu = 512", "mut = 512", 9, 1, "unknown key \"mut\" in [dtls]",
               "did you mean \"mtu\"?"},
        Spoilt{"UnknownKeyLikeNoOther", false, "mtu = 512", "certificate = 512", 9, 1, "unknown key",
               "known here: listen, mtu"},
        Spoilt{"UnknownTable", false, "[store]", "[stor]", 12, 2, "unknown key \"stor\"",
               "did you mean \"store\"?"},
        Spoilt{"UnknownKeyInAnInlineTable", false, "max = \"60s\"", "maxi = \"60s\"", 10, 35,
               "unknown key \"maxi\" in [dtls.handshake_timeout]", "\"max\""},
        Spoilt{"TextForANumber", false, "mtu = 512", "mtu = true", 9, 7, "must be a size", "\"16KiB\""},
        Spoilt{"NumberForText", false, "name = \"gw-1\"", "name = 1", 2, 8,
               "\"gateway.name\" must be a string, not a whole number", "name = \"1\""},
        Spoilt{"NumberForADuration", false, "\"9s\"", "9", 10, 29,
               "must be a duration with a unit, not a whole", "min = \"9s\""},
        Spoilt{"DurationWithoutAUnit", false, "\"9s\"", "\"9\"", 10, 29, "is \"9\", which is no duration",
               "\"9s\""},
        Spoilt{"DurationTooLong", false, "\"60s\"", "\"2h\"", 10, 41, "is \"2h\"",
               "from \"100ms\" to \"1h\""},
        Spoilt{"MinAboveMax", false, "\"9s\"", "\"61s\"", 10, 29, "min is above max", "give both"},
        Spoilt{"SizeWithADecimalUnit", false, "\"1GiB\"", "\"1GB\"", 13, 12, "is \"1GB\", which is no size",
               "KiB"},
        Spoilt{"SizeTooSmall", false, "\"1GiB\"", "\"1KiB\"", 13, 12, "is out of range",
               "from \"1MiB\" to \"16TiB\""},
        Spoilt{"NegativeSize", false, "mtu = 512", "mtu = -1", 9, 7, "is out of range", "\"256B\""},
        Spoilt{"MtuTooSmall", false, "mtu = 512", "mtu = 100", 9, 7, "is out of range", "\"256B\""},
        Spoilt{"UnknownChoice", false, "\"reject\"", "\"rejekt\"", 14, 13, "is \"rejekt\"",
               "did you mean \"reject\"?"},
        Spoilt{"UnknownLogLevel", false, "\"info\"", "\"verbose\"", 5, 13, "is \"verbose\"",
               "\"debug\", \"info\", \"warning\", \"error\""},
        Spoilt{"NameWithBlanks", false, "name = \"gw-1\"", "name = \"my gateway\"", 2, 8, "which is no name",
               "letters, digits"},
        Spoilt{"EmptyName", false, "name = \"gw-1\"", "name = \"\"", 2, 8, "is empty", "write a value"},
        Spoilt{"HostNameToListenAt", false, "\"[::]:5684\"", "\"localhost:5684\"", 8, 11,
               "\"localhost:5684\" is no address and port", "numbers, not names"},
        Spoilt{"AddressWithoutAPort", false, "\"[::]:5684\"", "\"0.0.0.0\"", 8, 11, "is no address and port",
               "\"192.0.2.1:5684\""},
        Spoilt{"PortZero", false, "\"[::]:5684\"", "\"[::]:0\"", 8, 11, "is no address and port", ""},
        Spoilt{"AddressTwice", false, "\"[::]:5684\"", "\"[::]:5684\", \"[::]:5684\"", 8, 24, "listed twice",
               "remove one"},
        Spoilt{"NowhereToListen", false, "\"[::]:5684\"", "", 8, 10, "is empty", "at least one"},
        Spoilt{"ListenIsNoArray", false, "[\"[::]:5684\"]", "\"[::]:5684\"", 8, 10,
               "must be an array of addresses", "listen = [\"[::]:5684\"]"},
        Spoilt{"MissingKey", false, "listen = [\"[::]:5684\"]\n", "", 7, 2, "\"dtls.listen\" is missing",
               "add listen = [\"[::]:5684\"]"},
        Spoilt{"TableThatIsAValue", false, "{ min = \"9s\", max = \"60s\" }", "\"9s\"", 10, 21,
               "must be a table, not a string", "write handshake_timeout = {"},
        Spoilt{"OneBracketTooFew", false, "[[upstream]]", "[upstream]", 16, 1, "must be an array of tables",
               "[[upstream]], with two brackets"},
        Spoilt{"UrlWithoutTls", false, "mqtts://", "mqtt://", 18, 7, "is no broker", "mqtts://"},
        Spoilt{"UnknownProfile", false, "client_id", "profile = \"aws\"\nclient_id", 19, 11, "is \"aws\"",
               "\"mqtt\""},
        Spoilt{"WindowTooLarge", false, "client_id", "window = 91\nclient_id", 19, 10, "is 91",
               "from 1 to 90"},
        Spoilt{"BallastLargerThanTheStore", false, "\"1GiB\"", "\"2MiB\"", 13, 12,
               "ballast would be as large", "smaller than max_size"},
        Spoilt{"CommitLargerThanTheQueue", false, "when_full", "queue_units = 100\nwhen_full", 14, 15,
               "more units than the queue holds", "at most queue_units"},
        Spoilt{"FractionOfASecond", false, "when_full", "max_age = \"90500ms\"\nwhen_full", 14, 11,
               "takes no fraction", "whole seconds"},
        Spoilt{"SocketPathTooLong", false, "\"run\"", "\"" + std::string(100, 'r') + "\"", 4, 21,
               "control socket's path would be 113 bytes", "shorter runtime_directory"},
        Spoilt{"SecondUpstreamOfTheName", false, "[[upstream]]",
               "[[upstream]]\nname = \"aws\"\nurl = \"mqtts://b:1\"\nclient_id = \"b\"\nca_file = \"a\"\n"
               "certificate_file = \"b\"\nkey_file = \"c\"\n\n[[upstream]]",
               25, 8, "a second upstream \"aws\"", "name of its own"},
        Spoilt{"SameClientTwice", false, "[[upstream]]",
               "[[upstream]]\nname = \"b\"\nurl = \"mqtts://broker.example:8883\"\nclient_id = \"gw-1\"\n"
               "ca_file = \"a\"\ncertificate_file = \"b\"\nkey_file = \"c\"\n\n[[upstream]]",
               27, 13, "the same client at the same broker", "another client_id"}),
    name_of_test);

INSTANTIATE_TEST_SUITE_P(
    Fleet, ConfigMistakeTest,
    ::testing::Values(
        Spoilt{"UnknownKey", true, "max_payload", "max_paylaod", 3, 1,
               "unknown key \"max_paylaod\" in [fleet]", "did you mean \"max_payload\"?"},
        Spoilt{"ARouteWithoutTopic", true, "topic = \"dt/{fleet}/{device}/{resource}\"\n", "", 5, 1,
               "\"route[0].topic\" is missing", "add topic ="},
        Spoilt{"AMapOfAWrongObject", true, "[[route]]", "[[map]]\nname = \"v\"\nobject = 17\n\n[[route]]", 7,
               10, "/17/0/5700 is of no object for sensors", "docs/pelion.md"},
        Spoilt{"AMapOfWhatATemperatureCannotHave", true, "[[route]]",
               "[[map]]\nname = \"v\"\nobject = 3303\nresource = 5701\n\n[[route]]", 7, 10,
               "/3303/0/5701 cannot be had", "choose another"},
        Spoilt{"TwoMapsOntoOneResource", true, "[[route]]",
               "[[map]]\nname = \"a\"\nobject = 3303\n\n[[map]]\nname = \"b\"\nobject = 3303\n\n[[route]]",
               11, 10, "\"a\" and \"b\" both go to /3303/0/5700", "another instance"},
        Spoilt{"OneNameMappedTwice", true, "[[route]]",
               "[[map]]\nname = \"a\"\nobject = 3303\n\n[[map]]\nname = \"a\"\nobject = 3304\n\n[[route]]",
               10, 8, "\"a\" is mapped already, to /3303/0/5700", "remove one"},
        Spoilt{"UnknownKeyInARoute", true, "[[route]]", "[[route]]\ntopics = 1", 6, 1,
               "unknown key \"topics\" in [[route]]", "did you mean \"topic\"?"},
        Spoilt{"ARuleOfAnotherCloud", true, "topic = ", "rule = \"r\"\ntopic = ", 8, 8,
               "only AWS IoT Core knows such", "profile = \"aws-iot\""},
        Spoilt{"ARuleThatIsNoName", true, "topic = ", "rule = \"a-b\"\ntopic = ", 8, 8,
               "is no name of a rule", "letters, digits"},
        Spoilt{"AShadowOfAnotherCloud", true, "topic = \"dt/{fleet}/{device}/{resource}\"",
               "shadow = \"classic\"", 8, 10, "only AWS IoT Core knows such", "profile"},
        Spoilt{"AShadowAndATopic", true, "topic = ", "shadow = \"classic\"\ntopic = ", 8, 10,
               "has a topic of its own", "remove topic"},
        Spoilt{"AShadowThatIsNoName", true, "topic = \"dt/{fleet}/{device}/{resource}\"", "shadow = \"a/b\"",
               8, 10, "is no name of a shadow", "\"classic\""},
        Spoilt{"AThingThatIsNoName", true, "topic = \"dt/{fleet}/{device}/{resource}\"",
               "shadow = \"classic\"\nthing = \"{resource}\"", 9, 9, "{resource} may hold a '/'", "{device}"},
        Spoilt{"AThingWithoutAShadow", true, "topic = ", "thing = \"{device}\"\ntopic = ", 8, 9,
               "the route has none", "add a shadow"},
        Spoilt{"UnknownUpstream", true, "\"aws\"", "\"asw\"", 7, 12, "there is no upstream \"asw\"",
               "did you mean \"aws\"?"},
        Spoilt{"PayloadTooLarge", true, "16KiB", "1MiB", 3, 15, "is out of range", "\"64KiB\""},
        Spoilt{"NoSuchFormat", true, "max_payload = \"16KiB\"", "no_content_format = \"xml\"", 3, 21,
               "is \"xml\"", "\"senml-cbor\""},
        Spoilt{"RememberingForTooLong", true, "max_payload = \"16KiB\"", "ack_timeout = \"5m\"", 3, 15,
               "more than an hour", "lower ack_timeout"},
        Spoilt{"NumberOutOfRange", true, "max_payload = \"16KiB\"", "ack_random_factor = 0.5", 3, 21,
               "is 0.5", "from 1 to 4"},
        Spoilt{"FlagThatIsText", true, "max_payload = \"16KiB\"", "split_uri_path = \"yes\"", 3, 18,
               "must be true or false, not a string", "split_uri_path = true"},
        Spoilt{"NoReportMayBeMissed", true, "max_payload = \"16KiB\"", "missed_reports = 0", 3, 18, "is 0",
               "from 1 to 1000"},
        Spoilt{"ATariffWithoutAPrice", true, "[[route]]", "[tariff]\nincluded = \"500 KB\"\n\n[[route]]", 5,
               2, "\"tariff.price_per_mb\" is missing", "price_per_mb = 0.40"},
        Spoilt{"ATariffOfNoVolume", true, "[[route]]",
               "[tariff]\nincluded = \"500 kilos\"\nprice_per_mb = 1\n\n[[route]]", 6, 12,
               "is \"500 kilos\", which is no volume", "\"500 KB\""},
        Spoilt{"ATariffOfTooMuch", true, "[[route]]",
               "[tariff]\nincluded = \"5 GB\"\nprice_per_mb = 1\n\n[[route]]", 6, 12, "is out of range",
               "4000000000"},
        Spoilt{"ATariffInCoins", true, "[[route]]",
               "[tariff]\nincluded = 0\nprice_per_mb = 1\ncurrency = \"Euro\"\n\n[[route]]", 8, 12,
               "is no currency", "\"EUR\""},
        Spoilt{"ATariffWithAnUnknownKey", true, "[[route]]",
               "[tariff]\nincluded = 0\nprice_per_mb = 1\nincludes = 7\n\n[[route]]", 8, 1,
               "unknown key \"includes\"", "did you mean \"included\"?"},
        Spoilt{"PatternThatGoesOnAfterTheRest", true, "\"telemetry\"", "\"a/**/b\"", 6, 12, "cannot be used",
               ""},
        Spoilt{"TopicWithAWildcard", true, "\"dt/{fleet}/", "\"dt/+/", 8, 9, "cannot be used", "{device}"},
        Spoilt{"TopicWithAnUnknownBlank", true, "{fleet}", "{site}", 8, 9, "cannot be used", "{device}"},
        Spoilt{"RouteTwice", true, "[[route]]",
               "[[route]]\nresource = \"telemetry\"\nupstream = \"aws\"\ntopic = \"x\"\n\n[[route]]", 11, 12,
               "routed to \"aws\" twice", "remove one"},
        Spoilt{"MissingFleetName", true, "name = \"water-meters\"\n", "", 1, 2, "\"fleet.name\" is missing",
               "add name = \"water-meters\""},
        Spoilt{"DateForText", true, "name = \"water-meters\"", "name = 2026-01-01", 2, 8,
               "must be a string, not a date or time", "\"text\""},
        Spoilt{"NoToml", true, "max_payload = \"16KiB\"", "max_payload = 16KiB", 3, 15, "16KiB is no value",
               "in quotes"}),
    name_of_test);

TEST(ConfigMistakesTest, AllAreFoundInOneGoInTheOrderOfFilesAndLines) {
    std::string gateway = replaced(kGatewayText, "mtu = 512", "mut = 512");
    gateway = replaced(gateway, "\"reject\"", "\"never\"");
    gateway = replaced(gateway, "name = \"gw-1\"", "name = 7");
    const auto config = parse_texts(gateway, replaced(kFleetText, "\"aws\"", "\"azure\""));
    ASSERT_FALSE(config);
    ASSERT_THAT(config.error(), SizeIs(4));
    EXPECT_THAT(config.error()[0].text(), HasSubstr("gateway.toml:2:8: \"gateway.name\" must be a string"));
    EXPECT_THAT(config.error()[1].text(), HasSubstr("gateway.toml:9:1: unknown key \"mut\""));
    EXPECT_THAT(config.error()[2].text(), HasSubstr("gateway.toml:14:13: \"store.when_full\" is \"never\""));
    EXPECT_THAT(config.error()[3].text(), HasSubstr("fleet.toml:7:12: there is no upstream \"azure\""));
}

TEST(ConfigMistakesTest, AnEmptyFileLacksEverythingThatIsNeeded) {
    const auto config = parse_config({.file = "gateway.toml", .text = ""}, {});
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error(), SizeIs(4));
    for (const Mistake& mistake : config.error())
        EXPECT_THAT(mistake.what, HasSubstr("is missing"));
}

TEST(ConfigMistakesTest, TwoFleetsOfOneNameAreToldBothFiles) {
    const std::array fleets = {ConfigText{.file = "a.toml", .text = std::string(kFleetText)},
                               ConfigText{.file = "b.toml", .text = std::string(kFleetText)}};
    const auto config = parse_config({.file = "gateway.toml", .text = std::string(kGatewayText)}, fleets);
    ASSERT_FALSE(config);
    ASSERT_THAT(config.error(), SizeIs(1));
    EXPECT_EQ(
        config.error()[0].text(),
        "b.toml:2:8: a second fleet \"water-meters\"; the first is in a.toml; give each fleet a name of "
        "its own");
}

TEST(ConfigMistakesTest, AFleetWithoutARouteIsUseless) {
    const auto config = parse_texts(std::string(kGatewayText), "[fleet]\nname = \"mute\"\n");
    ASSERT_FALSE(config);
    ASSERT_THAT(config.error(), SizeIs(1));
    EXPECT_THAT(config.error()[0].text(), HasSubstr("fleet.toml:1:2: the fleet has no route"));
}

// Where the gateway's file is no TOML, no route is blamed for upstreams that nobody could read.
TEST(ConfigMistakesTest, ABrokenGatewayFileIsNotBlamedOnTheFleets) {
    const auto config = parse_texts("[gateway\n", std::string(kFleetText));
    ASSERT_FALSE(config);
    ASSERT_THAT(config.error(), SizeIs(1));
    EXPECT_THAT(config.error()[0].what, HasSubstr("not TOML"));
}

// A document that nests without end must not take the stack with it.
TEST(ConfigMistakesTest, DeepNestingIsRefused) {
    const auto config =
        parse_texts("x = " + std::string(200, '[') + std::string(200, ']'), std::string(kFleetText));
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error()[0].what, ::testing::AnyOf(HasSubstr("too deep"), HasSubstr("not TOML")));
}

// A profile with topics of its own.
TEST(ConfigMistakesTest, APelionEdgeUpstreamHasTopicsAndKeysOfItsOwn) {
    const std::string gateway =
        replaced(kGatewayText, "name = \"aws\"", "name = \"aws\"\nprofile = \"pelion-edge\"");
    const std::string fleet = replaced(kFleetText, "topic = \"dt/{fleet}/{device}/{resource}\"\n", "");
    const auto right = parse_texts(gateway + "form = \"Val\"\nmax_nodes = 7\n", fleet);
    ASSERT_TRUE(right) << right.error()[0].text();
    EXPECT_EQ(right->upstreams[0].pelion.form, PelionForm::kVal);
    EXPECT_EQ(right->upstreams[0].pelion.max_nodes, 7U);

    const auto words = [](const std::expected<Config, Mistakes>& config) {
        return config ? std::string() : config.error()[0].text();
    };
    EXPECT_THAT(words(parse_texts(gateway, std::string(kFleetText))), HasSubstr("has topics of its own"));
    EXPECT_THAT(words(parse_texts(gateway + "connections = 2\n", fleet)), HasSubstr("must be 1"));
    EXPECT_THAT(words(parse_texts(gateway + "batch_size = \"5KiB\"\n", fleet)), HasSubstr("batch_size"));
    EXPECT_THAT(words(parse_texts(gateway + "gateway_id = \"a/b\"\n", fleet)), HasSubstr("gateway_id"));
    EXPECT_THAT(words(parse_texts(std::string(kGatewayText) + "max_nodes = 7\n", std::string(kFleetText))),
                HasSubstr("is a key of the profile \"pelion-edge\""));
}

}  // namespace
}  // namespace narrowgate::daemon
