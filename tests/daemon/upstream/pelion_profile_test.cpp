// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pelion_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(PelionTest, NothingIsSentBeforeTheTranslatorIsRegistered) {
    add("wm-1", 1);
    connect();
    ASSERT_THAT(link_.sent, SizeIs(1));
    EXPECT_EQ(link_.sent[0].message.topic, "MQTT");
    EXPECT_THAT(link_.sent[0].message.payload, HasSubstr("start_pt"));
    EXPECT_FALSE(state().translator.ready);
    EXPECT_TRUE(state().paused);
    pass(milliseconds(500));
    EXPECT_TRUE(state().translator.ready);
    EXPECT_FALSE(state().paused);
    EXPECT_EQ(value("wm-1"), "1");
    EXPECT_THAT(source_.acknowledged, ElementsAre(1));
    EXPECT_EQ(translator_->record()["dropped"], 0);
}

// A second value before the first is answered would spoil the node for good.
TEST_F(PelionTest, ANodeWaitsForItsRegistrationAndHoldsNobodyElse) {
    start_translator({.node_delay = seconds(3)});
    bring_up();
    for (int sequence = 1; sequence <= 5; ++sequence)
        add("wm-1", sequence);
    pass(milliseconds(100));
    EXPECT_THAT(sent("wm-1"), ElementsAre("1"));
    EXPECT_EQ(state().translator.held, 4U);
    add("wm-2", 7);
    pass(milliseconds(100));
    EXPECT_THAT(sent("wm-2"), ElementsAre("7"));
    pass(seconds(4));
    EXPECT_THAT(sent("wm-1"), ElementsAre("1", "2", "3", "4", "5")) << "every reading, in order";
    EXPECT_EQ(value("wm-1"), "5");
    EXPECT_EQ(state().translator.held, 0U);
    EXPECT_EQ(state().translator.registered, 2U);
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_EQ(translator_->record()["failed"], 0);
}

// What is held does not fill the courier's view: a node behind hundreds of held readings is served.
TEST_F(PelionTest, ManyHeldReadingsOfOneNodeDoNotHideAnother) {
    start_translator({.node_delay = seconds(3)});
    bring_up();
    for (int sequence = 1; sequence <= 1000; ++sequence)
        add("wm-1", sequence);
    add("wm-2", 1);
    pass(milliseconds(200));
    EXPECT_THAT(sent("wm-2"), ElementsAre("1"));
    pass(seconds(4));
    EXPECT_EQ(value("wm-1"), "1000");
    EXPECT_THAT(sent("wm-1"), SizeIs(1000));
    EXPECT_EQ(source_.waiting(), 0U);
}

TEST_F(PelionTest, ABacklogGoesBeforeWhatIsNew) {
    for (int sequence = 1; sequence <= 300; ++sequence)
        add("wm-1", sequence);
    bring_up();
    add("wm-1", 301);
    pass(seconds(1));
    const auto all = sent("wm-1");
    ASSERT_THAT(all, SizeIs(301));
    for (std::size_t i = 0; i < all.size(); ++i)
        EXPECT_EQ(all[i], std::to_string(i + 1));
}

TEST_F(PelionTest, ReadingsOfANodeThatSetOtherResourcesShareAMessage) {
    bring_up();
    add("wm-1", 1);
    pass(seconds(1));
    const std::size_t before = link_.sent.size();
    source_.add_senml("wm-1", R"([{"n":"a","u":"Cel","v":1}])");
    source_.add_senml("wm-1", R"([{"n":"h","u":"%RH","v":40}])");
    source_.add_senml("wm-1", R"([{"n":"a","u":"Cel","v":2}])");
    pass(milliseconds(200));
    EXPECT_EQ(link_.sent.size() - before, 2U);
    EXPECT_EQ(value("wm-1", "/3303/0/5700"), "2");
    EXPECT_EQ(value("wm-1", "/3304/0/5700"), "40");
    EXPECT_EQ(source_.waiting(), 0U);
}

TEST_F(PelionTest, WhatNobodyMappedIsDoneAndCounted) {
    bring_up();
    source_.add();  // text
    source_.add_senml("wm-1", R"([{"n":"strange","u":"furlong","v":1}])");
    add("wm-1", 3, R"(,{"n":"strange","u":"furlong","v":1})");
    pass(seconds(1));
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_THAT(source_.dead_letters, IsEmpty());
    EXPECT_THAT(source_.acknowledged, ElementsAre(1, 2, 3));
    EXPECT_EQ(state().translator.unmapped, 3U);
    EXPECT_EQ(state().translator.nodes, 1U);
    EXPECT_EQ(value("wm-1"), "3");
}

TEST_F(PelionTest, NodesBeyondTheLimitBecomeDeadLettersAndTheOthersGoOn) {
    PelionOptions options;
    options.max_nodes = 2;
    make(options);
    bring_up();
    for (const char* device : {"wm-1", "wm-2", "wm-3", "wm-4", "wm-3"})
        add(device, 1);
    pass(seconds(1));
    EXPECT_EQ(state().translator.nodes, 2U);
    EXPECT_EQ(state().translator.turned_away, 2U);
    ASSERT_THAT(source_.dead_letters, SizeIs(3));
    EXPECT_THAT(source_.dead_letters[0].second, HasSubstr("wm-3 is beyond the 2"));
    add("wm-1", 2);
    pass(seconds(1));
    EXPECT_EQ(value("wm-1"), "2");
}

TEST_F(PelionTest, AFailedRegistrationIsTriedAgainWithTheNewestValue) {
    start_translator({.refusals = {{"wm-1", 2}}});
    bring_up();
    add("wm-1", 1);
    add("wm-2", 1);
    pass(seconds(1));
    EXPECT_EQ(state().translator.failed, 1U);
    EXPECT_EQ(state().translator.registered, 1U);
    EXPECT_EQ(value("wm-1"), "");
    add("wm-1", 2);
    pass(seconds(5));
    EXPECT_THAT(sent("wm-1"), ElementsAre("1")) << "not before its time";
    pass(seconds(40));
    EXPECT_EQ(state().translator.failed, 0U);
    EXPECT_EQ(value("wm-1"), "2");
    EXPECT_EQ(source_.waiting(), 0U);
}

// A restarted translator says nothing until it is asked to start, and knows no node.
TEST_F(PelionTest, ATranslatorThatWasRestartedGetsTheNewestValuesAgain) {
    bring_up();
    for (int sequence = 1; sequence <= 3; ++sequence) {
        add("wm-1", sequence);
        add("wm-2", 10 * sequence);
    }
    pass(seconds(1));
    stop_translator();
    pass(seconds(5));
    start_translator({});
    pass(seconds(70));
    EXPECT_EQ(state().translator.starts, 2U);
    EXPECT_EQ(value("wm-1"), "3");
    EXPECT_EQ(value("wm-2"), "30");
    EXPECT_EQ(state().translator.registered, 2U);
    EXPECT_EQ(translator_->record()["dropped"], 0);
}

// A value may come to it before our question: it starts, drops the value and registers.
TEST_F(PelionTest, AValueThatOnlyStartedATranslatorIsSaidAgain) {
    bring_up();
    add("wm-1", 1);
    pass(seconds(1));
    start_translator({});
    add("wm-1", 2);
    pass(seconds(2));
    EXPECT_EQ(translator_->record()["dropped"], 1);
    EXPECT_EQ(value("wm-1"), "2");
    EXPECT_TRUE(state().translator.ready);
}

TEST_F(PelionTest, ADeafTranslatorIsNoticedReadingsWaitAndNothingIsLost) {
    bring_up();
    add("wm-1", 1);
    pass(seconds(1));
    stop_translator();
    add("wm-1", 2);  // published into the void
    pass(seconds(100));
    EXPECT_FALSE(state().translator.ready);
    EXPECT_TRUE(state().paused);
    EXPECT_THAT(state().trouble, HasSubstr("does not answer"));
    const std::size_t before = sent("wm-1").size();
    add("wm-1", 3);
    pass(seconds(30));
    EXPECT_EQ(sent("wm-1").size(), before) << "readings wait in the store";
    EXPECT_EQ(source_.waiting(), 1U);
    start_translator({});
    pass(seconds(70));
    EXPECT_TRUE(state().translator.ready);
    EXPECT_EQ(state().trouble, "");
    EXPECT_EQ(value("wm-1"), "3");
    EXPECT_EQ(source_.waiting(), 0U);
}

// After a restart of ours the translator knows the nodes and answers their values with silence.
TEST_F(PelionTest, ASilenceOfATranslatorThatKnewTheNodeBeforeEndsByItself) {
    bring_up();
    add("wm-1", 1);
    pass(seconds(1));
    make({});
    connect();
    pass(milliseconds(500));
    EXPECT_TRUE(state().translator.ready) << "already started is started";
    add("wm-1", 2);
    add("wm-1", 3);
    pass(seconds(1));
    EXPECT_EQ(value("wm-1"), "2");
    EXPECT_EQ(state().translator.asked, 1U);
    pass(seconds(25));
    EXPECT_EQ(state().translator.registered, 1U);
    EXPECT_EQ(value("wm-1"), "3");
    EXPECT_EQ(translator_->record()["failed"], 0);
}

TEST_F(PelionTest, AnAnswerThatWasLostCostsTimeAndNoReading) {
    start_translator({.silent = {"wm-1"}});
    bring_up();
    add("wm-1", 1);
    add("wm-1", 2);
    add("wm-2", 1);
    pass(seconds(1));
    EXPECT_EQ(value("wm-2"), "1");
    pass(seconds(60));
    EXPECT_EQ(value("wm-1"), "2");
    EXPECT_EQ(source_.waiting(), 0U);
}

TEST_F(PelionTest, ATranslatorThatEdgeDoesNotTakeIsShownAndAskedAgain) {
    start_translator({.fails_to_register = true});
    connect();
    pass(seconds(1));
    EXPECT_FALSE(alive_);
    EXPECT_THAT(state().trouble, HasSubstr("could not register at Edge Core"));
    stop_translator();
    add("wm-1", 1);
    pass(seconds(20));
    start_translator({});
    pass(seconds(60));
    EXPECT_EQ(value("wm-1"), "1");
}

TEST_F(PelionTest, AfterALostConnectionWhatWasInFlightAndWhatIsNewestIsSaidAgain) {
    bring_up();
    add("wm-1", 1);
    pass(seconds(1));
    add("wm-1", 2);
    add("wm-1", 3);
    courier_->turn(clock_.now());
    EXPECT_THAT(link_.unanswered, SizeIs(2));
    tell(link_.breaks());
    EXPECT_FALSE(state().translator.ready);
    clock_.advance(seconds(5));
    connect();
    pass(seconds(2));
    EXPECT_EQ(value("wm-1"), "3");
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_EQ(state().translator.registered, 1U);
    EXPECT_EQ(translator_->record()["failed"], 0);
}

TEST_F(PelionTest, AnswersToOthersAndNonsenseChangeNothing) {
    connect();
    tell(link_.brings("MQTTPt/RequestResponse", R"({"request_id":"other-1","error":"1"})"));
    tell(link_.brings("MQTTPt/DeviceRegistration",
                      R"({"message":"successful_registration","device":"nobody"})"));
    tell(link_.brings("MQTTPt/DeviceRegistration", "{"));
    tell(link_.brings("anything", std::string(8000, '{')));
    EXPECT_FALSE(state().translator.ready);
    EXPECT_EQ(state().translator.nodes, 0U);
}

TEST_F(PelionTest, ARefusedSubscriptionIsNamed) {
    stop_translator();
    courier_->turn(clock_.now());
    tell(link_.accepts());
    tell(link_.subscribes(mqtt::ReasonCode::kNotAuthorized));
    tell(link_.subscribes());
    tell(link_.subscribes());
    EXPECT_THAT(state().trouble, HasSubstr("MQTTPt/RequestResponse"));
}

TEST_F(PelionTest, ANodesNameThatIsNoTopicLevelIsEncoded) {
    bring_up();
    add("site/1+#", 4);
    pass(seconds(1));
    EXPECT_EQ(value("site%2F1%2B%23"), "4");
    EXPECT_EQ(state().translator.registered, 1U);
}

}  // namespace
}  // namespace narrowgate::daemon
