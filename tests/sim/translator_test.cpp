// SPDX-License-Identifier: Apache-2.0
//
// The stand-in keeps to what is known of the original: what tests prove against it rests on this.
#include "sim/translator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace narrowgate::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TranslatorTest : public testing::Test {
protected:
    void make(Translator::Options options) {
        translator_ = std::make_unique<Translator>(
            std::move(options), [this](const std::string& topic, const std::string& payload) {
                said_.push_back(topic + " " + payload);
            });
    }
    std::optional<std::string> tell(std::string_view topic, std::string_view payload) {
        return translator_->receive(topic, payload, now_);
    }
    std::optional<std::string> value(const std::string& node, const std::string& value = "1",
                                     const std::string& path = R"("3300","0","5700")") {
        return tell("MQTTGw/gw/Node/" + node + "/Val",
                    R"({"payload_field":[["VALUE","",")" + value + R"(","","","",)" + path + R"(,"1"]]})");
    }
    void wait(int milliseconds = 1000) {
        now_ += std::chrono::milliseconds(milliseconds);
        alive_ = translator_->turn(now_);
    }
    void start() {
        (void)tell("MQTT", R"({"request_id":"1","method":"start_pt"})");
        wait();
        said_.clear();
    }
    std::vector<std::string> said() { return std::exchange(said_, {}); }

    Translator::Time now_{};
    bool alive_ = true;
    std::vector<std::string> said_;
    std::unique_ptr<Translator> translator_;
    TranslatorTest() { make({}); }
};

TEST_F(TranslatorTest, StartsOnceAndSaysWhenItIsRegistered) {
    EXPECT_FALSE(tell("MQTT", R"({"request_id":"1","method":"start_pt"})"));
    EXPECT_THAT(said(), ElementsAre(R"(MQTTPt/RequestResponse {"request_id":"1","value":"handled"})"));
    wait();
    EXPECT_THAT(said(),
                ElementsAre(R"(MQTTPt/TranslatorRegistration {"message":"successful_registration"})"));
    EXPECT_FALSE(tell("MQTT", R"({"request_id":"2","method":"start_pt"})"));
    EXPECT_THAT(said(), ElementsAre(R"(MQTTPt/RequestResponse {"error":"1","request_id":"2"})"));
}

TEST_F(TranslatorTest, AValueBeforeTheStartStartsItAndIsLost) {
    EXPECT_FALSE(value("wm-1"));
    EXPECT_THAT(said(), IsEmpty());
    wait();
    EXPECT_EQ(translator_->record()["dropped"], 1);
    EXPECT_THAT(translator_->record()["devices"], IsEmpty());
}

TEST_F(TranslatorTest, ASecondValueBeforeTheAnswerSpoilsTheNodeForGood) {
    start();
    (void)value("wm-1");
    (void)value("wm-1", "2");
    wait();
    EXPECT_THAT(said(), ElementsAre(HasSubstr("failed_registration")));
    (void)value("wm-1", "3");
    EXPECT_THAT(said(), ElementsAre(HasSubstr("failed_registration")));
    EXPECT_EQ(translator_->record()["devices"]["wm-1"]["registered"], false);
}

TEST_F(TranslatorTest, UpdatesOfARegisteredNodeAreNotAnswered) {
    start();
    (void)value("wm-1");
    wait();
    EXPECT_THAT(said(), ElementsAre(HasSubstr("successful_registration")));
    (void)value("wm-1", "2");
    wait();
    EXPECT_THAT(said(), IsEmpty());
    EXPECT_EQ(translator_->record()["devices"]["wm-1"]["values"]["/3300/0/5700"], "2");
}

TEST_F(TranslatorTest, TheLimitOfEdgeCoreIsAFailedRegistration) {
    make({.max_nodes = 1});
    start();
    (void)value("wm-1");
    (void)value("wm-2");
    wait();
    EXPECT_THAT(said(),
                testing::UnorderedElementsAre(
                    R"(MQTTPt/DeviceRegistration {"device":"wm-2","message":"failed_registration"})",
                    R"(MQTTPt/DeviceRegistration {"device":"wm-1","message":"successful_registration"})"));
}

TEST_F(TranslatorTest, WhatIsNoStringWouldKillIt) {
    start();
    EXPECT_TRUE(tell("MQTT", R"({"request_id":"2","method":7})"));
    EXPECT_TRUE(
        tell("MQTTGw/gw/Node/a/Val", R"({"payload_field":[["VALUE","",1,"","","","3300","0","5700","1"]]})"));
    EXPECT_TRUE(tell("MQTTGw/gw/Node/a/EdgeVal",
                     R"({"payload_field":[{"objectid":"3300","objectinstances":[{"objectinstance":"0",
                         "resources":[{"resourceid":"5700","value":null,"operations":"1"}]}]}]})"));
    EXPECT_FALSE(tell("MQTTGw/gw/Node/a/Val", R"({"payload_field":[["VALUE","nine",null]]})"));
    EXPECT_FALSE(tell("MQTTGw/gw/Node/a/Val", "no JSON"));
}

TEST_F(TranslatorTest, WhateverComesFirstOnATemperatureLandsInItsValue) {
    start();
    (void)value("wm-1", "Cel", R"("3303","0","5701")");
    wait();
    EXPECT_EQ(translator_->record()["devices"]["wm-1"]["values"]["/3303/0/5700"], "Cel");
    EXPECT_FALSE(translator_->record()["devices"]["wm-1"]["values"].contains("/3303/0/5701"));
}

TEST_F(TranslatorTest, OneThatFailsToRegisterEnds) {
    make({.fails_to_register = true});
    start();
    EXPECT_FALSE(alive_);
}

}  // namespace
}  // namespace narrowgate::sim
