// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using Kind = TranslatorAnswer::Kind;

const ResourceValues kValues = {{{.object = 3303, .instance = 0, .resource = 5700}, "23.4"},
                                {{.object = 3303, .instance = 1, .resource = 5700}, "-1"},
                                {{.object = 3424, .instance = 0, .resource = 1}, "17"}};

TEST(PelionMessageTest, EdgeValHasObjectsInstancesAndResources) {
    const auto message = value_message(PelionForm::kEdgeVal, "GW01", "NODE-1", kValues);
    EXPECT_EQ(message.topic, "MQTTGw/GW01/Node/NODE-1/EdgeVal");
    EXPECT_EQ(json::parse(message.payload), json::parse(R"({"payload_field":[
        {"objectid":"3303","objectinstances":[
            {"objectinstance":"0","resources":[{"resourceid":"5700","value":"23.4","operations":"1"}]},
            {"objectinstance":"1","resources":[{"resourceid":"5700","value":"-1","operations":"1"}]}]},
        {"objectid":"3424","objectinstances":[
            {"objectinstance":"0","resources":[{"resourceid":"1","value":"17","operations":"1"}]}]}]})"));
}

TEST(PelionMessageTest, ValHasRowsOfExactlyTenStrings) {
    const auto message = value_message(PelionForm::kVal, "GW01", "NODE-1", kValues);
    EXPECT_EQ(message.topic, "MQTTGw/GW01/Node/NODE-1/Val");
    const json rows = json::parse(message.payload)["payload_field"];
    ASSERT_EQ(rows.size(), 3U);
    for (const json& row : rows) {
        ASSERT_EQ(row.size(), 10U);
        for (const json& member : row)
            EXPECT_TRUE(member.is_string()) << row;
    }
    EXPECT_EQ(rows[0], json::parse(R"(["VALUE","","23.4","","","","3303","0","5700","1"])"));
}

// One number or null where it wants a string would end the translator.
TEST(PelionMessageTest, EveryLeafIsAStringWhateverTheValue) {
    const std::function<void(const json&)> check = [&](const json& value) {
        if (value.is_structured()) {
            for (const json& inner : value)
                check(inner);
        } else {
            EXPECT_TRUE(value.is_string()) << value;
        }
    };
    for (const std::string value : {"1", "null", "true", "", "\"", "\\", "\xFF\xFE", "1e400", "{\"a\":1}"}) {
        for (const PelionForm form : {PelionForm::kEdgeVal, PelionForm::kVal}) {
            const auto message =
                value_message(form, "g", "n", {{{.object = 3300, .instance = 0, .resource = 5700}, value}});
            const json parsed = json::parse(message.payload, nullptr, false);
            ASSERT_FALSE(parsed.is_discarded()) << message.payload;
            check(parsed);
        }
    }
}

// strtok_r makes empty levels vanish, and the name is the device's in the cloud.
TEST(PelionMessageTest, ANodesNameIsOneLevelAndNobodyElses) {
    EXPECT_EQ(pelion_name("wm-0001"), "wm-0001");
    EXPECT_EQ(pelion_name("a/b"), "a%2Fb");
    EXPECT_EQ(pelion_name("a+b#c"), "a%2Bb%23c");
    EXPECT_EQ(pelion_name("a%2Fb"), "a%252Fb");
    EXPECT_EQ(pelion_name(std::string_view("a\0b", 3)), "a%00b");
    EXPECT_EQ(pelion_name("\xFF"), "%FF");
    EXPECT_FALSE(pelion_name("").empty());
}

TEST(PelionMessageTest, StartHasNoParameters) {
    const auto message = start_message("gw-1-7");
    EXPECT_EQ(message.topic, "MQTT");
    EXPECT_EQ(json::parse(message.payload), json::parse(R"({"request_id":"gw-1-7","method":"start_pt"})"));
}

TEST(PelionMessageTest, AnswersAreTold) {
    const auto kind = [](std::string topic, std::string payload) -> std::optional<Kind> {
        const auto answer = answer_of({.topic = std::move(topic), .payload = std::move(payload)});
        return answer ? std::optional(answer->kind) : std::nullopt;
    };
    const std::string request(kRequestTopic), translator(kTranslatorTopic), node(kNodeTopic);
    EXPECT_EQ(kind(request, R"({"request_id":"1","value":"handled"})"), Kind::kStarting);
    EXPECT_EQ(kind(request, R"({"request_id":"1","error":"1"})"), Kind::kStartedBefore);
    EXPECT_EQ(kind(request, R"({"request_id":"1","error":"6"})"), Kind::kStartRefused);
    EXPECT_EQ(kind(translator, R"({"message":"successful_registration"})"), Kind::kRegistered);
    EXPECT_EQ(kind(translator, R"({"message":"failed_registration"})"), Kind::kNotRegistered);
    EXPECT_EQ(kind(translator, R"({"message":"successful_unregistration"})"), Kind::kUnregistered);
    const auto answer =
        answer_of({.topic = node, .payload = R"({"message":"failed_registration","device":"a"})"});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind, Kind::kNodeFailed);
    EXPECT_EQ(answer->node, "a");
    EXPECT_EQ(kind(node, R"({"message":"successful_registration","device":"a"})"), Kind::kNodeRegistered);
}

TEST(PelionMessageTest, WhatIsNoAnswerIsNothing) {
    const std::string deep(2000, '[');
    for (const std::string& payload :
         {std::string(""), std::string("no"), std::string("[]"), std::string("{}"),
          std::string("{\"message\":1}"), std::string(R"({"request_id":1,"value":"handled"})"),
          std::string(R"({"request_id":"1","value":7})"),
          std::string(R"({"message":"successful_registration"})"), deep}) {
        for (const std::string_view topic : {kRequestTopic, kNodeTopic})
            EXPECT_FALSE(answer_of({.topic = std::string(topic), .payload = payload}))
                << payload.substr(0, 60);
    }
    EXPECT_FALSE(answer_of({.topic = "MQTTPt/CertificateRenewal",
                            .payload = R"({"message":"successful_registration","device":"a"})"}));
}

}  // namespace
}  // namespace narrowgate::daemon
