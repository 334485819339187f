// SPDX-License-Identifier: Apache-2.0
#include "daemon/status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace narrowgate::daemon {
namespace {

using ::testing::HasSubstr;

GatewayStatus well() {
    GatewayStatus status;
    status.gateway = "gw-1";
    status.version = "0.1.0";
    status.now = *from_rfc3339("2026-03-01T12:00:00Z");
    status.started = *from_rfc3339("2026-03-01T10:00:00Z");
    status.listening = {"[::]:5684"};
    status.devices = 20;
    status.sessions = 19;
    status.readings_per_minute = 12.5;
    status.uplink.readings = 1234;
    status.uplink.fates = {{"bad_mac", 3}};
    status.store.max_bytes = std::uint64_t{1} << 30;
    status.store.commits = 7;
    status.store.last_commit = std::chrono::microseconds(1500);
    status.store.last_fsync = std::chrono::microseconds(1200);
    status.store.longest_commit = std::chrono::milliseconds(20);
    status.store.longest_fsync = std::chrono::milliseconds(18);
    UpstreamState aws;
    aws.name = "aws";
    aws.connected = true;
    aws.since = status.started;
    aws.delivered = 1234;
    status.upstreams = {aws, aws};
    status.upstreams[1].name = "pelion";
    return status;
}

TEST(StatusTest, AGatewayInOrderIsWell) {
    EXPECT_TRUE(health_of(well()).well);
    const std::string text = to_text(well());
    EXPECT_THAT(text, ::testing::StartsWith("All is well.\n"));
    for (const char* part :
         {"gw-1", "up 2 h", "[::]:5684", "20 devices, 19 sessions", "12.5 a minute", "1234", "1.0 GiB",
          "last commit 1.5 ms, its fsync 1.2 ms; longest 20 ms and 18 ms", "pelion"}) {
        EXPECT_THAT(text, HasSubstr(part));
    }
}

// What is acknowledged by a broker is not yet where it is meant to go.
TEST(StatusTest, OfATranslatorBehindTheBrokerItIsToldWhatIsNotPromised) {
    GatewayStatus status = well();
    status.upstreams[1].translator = {.used = true,
                                      .ready = true,
                                      .nodes = 12,
                                      .registered = 9,
                                      .asked = 1,
                                      .failed = 2,
                                      .turned_away = 3,
                                      .held = 4};
    const std::string text = to_text(status);
    EXPECT_THAT(
        text, HasSubstr("pelion: delivered means at its broker; the translator behind it answers, 9 of 12 "
                        "nodes are registered, 1 wait for an answer, 2 were refused, 3 are beyond max_nodes; "
                        "4 readings wait for that"));
    EXPECT_EQ(text.find("aws: delivered means"), std::string::npos);
    const auto read = status_from_json(to_json(status));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->upstreams[1].translator.turned_away, 3U);
    EXPECT_FALSE(read->upstreams[0].translator.used);
}

TEST(StatusTest, AnUpstreamThatIsDownIsNamedWithWhatWaitsForIt) {
    GatewayStatus status = well();
    UpstreamState& upstream = status.upstreams[1];
    upstream.connected = false;
    upstream.trouble = "the broker's certificate has expired";
    upstream.waiting_readings = 77;
    upstream.oldest = status.now - std::chrono::minutes(5);
    const Health health = health_of(status);
    EXPECT_FALSE(health.well);
    EXPECT_EQ(health.sentence,
              "Upstream pelion has been down for 2 h, and 77 readings wait for it, the oldest for 5 min: the "
              "broker's certificate has expired.");
    // It is said once.
    const std::string text = to_text(status);
    EXPECT_EQ(text.find("has expired"), text.rfind("has expired"));
}

TEST(StatusTest, OfTwoThatAreDownTheOneThatIsLongerDownIsBlamedAndTheOtherNamed) {
    GatewayStatus status = well();
    for (UpstreamState& upstream : status.upstreams)
        upstream.connected = false;
    status.upstreams[0].since = status.now - std::chrono::minutes(1);
    status.upstreams[0].trouble = "refused";
    EXPECT_EQ(health_of(status).sentence, "Upstream pelion has been down for 2 h. aws does not work either.");
    EXPECT_THAT(to_text(status), HasSubstr("\naws: refused\n"));
    status.upstreams[1].since.reset();
    status.upstreams[1].connected = true;
    status.upstreams[0].since.reset();
    status.upstreams[0].trouble.clear();
    EXPECT_EQ(health_of(status).sentence, "Upstream aws is not connected yet.");
}

// A second has not gone by, and the clock may even have been set back meanwhile.
TEST(StatusTest, WhatHasJustHappenedIsNotToldInMicroseconds) {
    GatewayStatus status = well();
    status.upstreams[1].connected = false;
    status.store.commits = 0;
    for (const auto since : {status.now, status.now + std::chrono::hours(1)}) {
        status.upstreams[1].since = since;
        EXPECT_EQ(health_of(status).sentence, "Upstream pelion has been down for <1 s.");
    }
    EXPECT_THAT(to_text(status), HasSubstr("no commit yet"));
}

TEST(StatusTest, CatchingUpIsWellAndFallingBehindIsNot) {
    GatewayStatus status = well();
    UpstreamState& upstream = status.upstreams[0];
    upstream.since = status.now - std::chrono::minutes(10);
    upstream.waiting_readings = 1;
    upstream.oldest = status.now - std::chrono::minutes(30);
    EXPECT_TRUE(health_of(status).well);
    EXPECT_EQ(health_of(status).sentence,
              "All is well; upstream aws is catching up, and 1 reading waits for it, the oldest for 30 min.");
    upstream.oldest = status.now - std::chrono::minutes(5);
    EXPECT_FALSE(health_of(status).well);
    EXPECT_THAT(health_of(status).sentence,
                HasSubstr("Upstream aws takes readings more slowly than they come"));
    upstream.oldest = status.now - std::chrono::seconds(5);
    EXPECT_EQ(health_of(status).sentence, "All is well.");
}

// P7's one exception: whoever sees a full store must see whom to blame.
TEST(StatusTest, AFullStoreNamesTheUpstreamToBlame) {
    GatewayStatus status = well();
    status.store.full = true;
    status.store.waiting_bytes = status.store.max_bytes;
    status.upstreams[0].waiting_bytes = 10;
    status.upstreams[1].waiting_bytes = 1'000'000;
    EXPECT_THAT(health_of(status).sentence, HasSubstr("Most of it waits for pelion."));
    status.store.disk_full = true;
    EXPECT_THAT(health_of(status).sentence, HasSubstr("The disk is full"));
}

TEST(StatusTest, WhatIsLessUrgentIsToldToo) {
    GatewayStatus status = well();
    status.store.over_age = true;
    EXPECT_THAT(health_of(status).sentence, HasSubstr("longer than max_age"));
    status.upstreams[0].backlog_full = true;
    EXPECT_THAT(health_of(status).sentence, HasSubstr("backlog of upstream aws is full"));
    status.upstreams[0].paused = true;
    EXPECT_THAT(health_of(status).sentence, HasSubstr("Upstream aws has been paused for 2 h"));
}

TEST(StatusTest, WhatBatchesSaveAndWhatIsNotMappedHasALineEach) {
    GatewayStatus status = well();
    EXPECT_THAT(to_text(status), ::testing::Not(HasSubstr("units of 5 KB")));
    UpstreamState& aws = status.upstreams[0];
    aws.messages = 20;
    aws.message_readings = 2'000;
    aws.metered_units = 25;
    aws.units_alone = 2'000;
    aws.unmapped = 3;
    const std::string text = to_text(status);
    EXPECT_THAT(text,
                HasSubstr("aws: 12.5 units of 5 KB a thousand readings, 1.2 % of what a message a reading "
                          "would be\n"));
    EXPECT_THAT(text, HasSubstr("aws: of 3 readings nothing was to be sent"));
    const auto read = status_from_json(to_json(status));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->upstreams[0].units_alone, 2'000U);
    EXPECT_EQ(read->upstreams[0].unmapped, 3U);
}

TEST(StatusTest, DevicesThatAreSilentAreNoFaultOfTheGatewayAndAreTold) {
    GatewayStatus status = well();
    status.fleets.resize(2);
    status.fleets[0].name = "meters";
    status.fleets[1].name = "water";
    status.fleets[1].devices = 6;
    EXPECT_EQ(health_of(status).sentence, "All is well.");
    status.fleets[1].silent = 5;
    EXPECT_TRUE(health_of(status).well);
    EXPECT_EQ(health_of(status).sentence, "All is well here; 5 of 6 devices of fleet water are silent.");
}

TEST(StatusTest, ACertificateThatEndsIsToldAMonthAheadAndIsTroubleAWeekAhead) {
    using std::chrono::days;
    GatewayStatus status = well();
    auto& expires = status.upstreams[1].certificate_expires;
    expires = status.now + days(31);
    EXPECT_EQ(health_of(status).sentence, "All is well.");
    EXPECT_THAT(to_text(status), HasSubstr("(31 days left)"));
    expires = status.now + days(20);
    EXPECT_TRUE(health_of(status).well);
    EXPECT_THAT(health_of(status).sentence,
                HasSubstr("All is well; the certificate of upstream pelion expires in 20 days, on 20"));
    expires = status.now + days(6);
    EXPECT_FALSE(health_of(status).well);
    EXPECT_THAT(health_of(status).sentence,
                HasSubstr("The certificate of upstream pelion expires in 6 days, on 20"));
    status.upstreams[0].roots_expire = status.now - days(1);
    EXPECT_THAT(health_of(status).sentence, HasSubstr("The last root of upstream aws expired on 20"))
        << "the first to end is told";
    const nlohmann::json in_json = to_json(status);
    EXPECT_EQ(in_json["upstreams"][1]["certificate_days_left"], 6);
    EXPECT_EQ(in_json["upstreams"][0]["certificate_days_left"], nullptr);
    const auto back = status_from_json(in_json);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->upstreams[1].certificate_expires, expires);
}

TEST(StatusTest, AStartThatLoadsAndSeveralShardsHaveTheirLines) {
    GatewayStatus status = well();
    EXPECT_EQ(to_text(status).find("loading"), std::string::npos);
    EXPECT_EQ(to_text(status).find("shards"), std::string::npos);
    status.load = {
        .loading = true, .credentials = 20, .credentials_total = 20, .sessions = 5, .sessions_total = 19};
    status.shards = {{.sessions = 3, .received = 60, .handed_over = 7, .hand_overs_dropped = 1},
                     {.sessions = 2, .received = 40, .handed_over = 4}};
    EXPECT_THAT(to_text(status), HasSubstr("20 of 20 credentials, 5 of 19 sessions"));
    EXPECT_THAT(to_text(status), HasSubstr("2; 11 of 100 datagrams handed from one to another, 1 dropped"));
    const auto back = status_from_json(to_json(status));
    ASSERT_TRUE(back.has_value());
    EXPECT_TRUE(back->load.loading);
    EXPECT_EQ(back->load.sessions_total, 19u);
    ASSERT_EQ(back->shards.size(), 2u);
    EXPECT_EQ(back->shards[0].handed_over, 7u);
}

TEST(StatusTest, ProgramsGetEverythingBackAsItWas) {
    GatewayStatus status = well();
    status.upstreams[0].trouble = "x";
    status.upstreams[0].backlog_full = true;
    status.store.oldest = status.started;
    const nlohmann::json in_json = to_json(status);
    EXPECT_EQ(in_json.at("well"), false);
    const auto read = status_from_json(in_json);
    ASSERT_TRUE(read);
    EXPECT_EQ(to_json(*read), in_json);
    EXPECT_EQ(to_text(*read), to_text(status));
    EXPECT_EQ(read->uplink.fates.at("bad_mac"), 3U);
    EXPECT_EQ(read->store.last_commit, std::chrono::microseconds(1500));
    EXPECT_EQ(read->store.last_fsync, std::chrono::microseconds(1200));
    EXPECT_EQ(read->store.longest_fsync, std::chrono::milliseconds(18));
}

TEST(StatusTest, WhatIsNoStatusIsRefusedAndWhatIsMissingIsLeftOut) {
    EXPECT_FALSE(status_from_json(nlohmann::json::array()));
    EXPECT_FALSE(status_from_json(nlohmann::json::object()));
    const auto sparse = status_from_json({{"gateway", "gw"}, {"upstreams", {1, "x"}}, {"devices", "many"}});
    ASSERT_TRUE(sparse);
    EXPECT_EQ(sparse->devices, 0U);
    EXPECT_TRUE(sparse->upstreams.empty());
}

// A broker chooses the words of its refusal; the terminal must not obey them.
TEST(StatusTest, ControlCharactersDoNotReachTheTerminal) {
    GatewayStatus status = well();
    status.upstreams[0].connected = false;
    status.upstreams[0].trouble = "\x1B[2Jgone";
    EXPECT_EQ(to_text(status).find('\x1B'), std::string::npos);
}

}  // namespace
}  // namespace narrowgate::daemon
