// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/upstream/courier.hpp"
#include "daemon/upstream/pelion_profile.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/memory_upstream.hpp"
#include "sim/translator.hpp"

namespace narrowgate::daemon {

// A courier with the profile pelion-edge between a store in memory, a broker that acknowledges all, and the
// stand-in for the translator, in virtual time.
class PelionTest : public testing::Test {
protected:
    PelionTest() {
        make({});
        start_translator({});
    }

    void make(PelionOptions options) {
        options.gateway_id = "GW01";
        profile_ = pelion_profile(options, "gw-1-run");
        CourierOptions courier;
        courier.name = "pelion";
        courier_ = std::make_unique<Courier>(courier, source_, link_, *profile_, routes(), log_, 1);
    }

    static std::shared_ptr<const Routes> routes() {
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back(
            {.resource = *coap::PathPattern::parse("telemetry"), .upstream = "pelion", .topic = ""});
        fleet.maps.push_back(
            {.name = "seq", .unit = "", .path = {.object = 3300, .instance = 0, .resource = 5700}});
        return std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "pelion", "gw-1"));
    }

    // A new process: it knows nothing, and hears what is published from now on.
    void start_translator(sim::Translator::Options options) {
        said_.clear();
        translator_ = std::make_unique<sim::Translator>(
            std::move(options), [this](const std::string& topic, const std::string& payload) {
                said_.emplace_back(topic, payload);
            });
    }
    void stop_translator() { translator_.reset(); }

    void add(const std::string& device, int sequence, std::string_view further = "") {
        source_.add_senml(
            device, R"([{"n":"seq","v":)" + std::to_string(sequence) + "}" + std::string(further) + "]");
    }

    void tell(const mqtt::Event& event) {
        courier_->on_event(event, clock_.now());
        courier_->turn(clock_.now());
    }
    void connect() {
        courier_->turn(clock_.now());
        tell(link_.accepts());
        while (!link_.subscriptions.empty())
            tell(link_.subscribes());
    }
    // The broker: hands what was published to the translator, answers it, and hands back what that one says.
    void deliver() {
        const auto time = sim::Translator::Time(clock_.now().steady.time_since_epoch());
        for (bool more = true; more;) {
            more = false;
            while (!link_.unanswered.empty()) {
                more = true;
                const mqtt::Publish message = link_.unanswered.front().message;
                if (translator_) {
                    const auto broken = translator_->receive(message.topic, message.payload, time);
                    ASSERT_FALSE(broken) << "it would be dead: " << *broken;
                }
                tell(link_.answers());
            }
            if (translator_) alive_ = translator_->turn(time);
            for (const auto& [topic, payload] : std::exchange(said_, {})) {
                more = true;
                tell(link_.brings(topic, payload));
            }
        }
    }
    // Virtual time, in small steps.
    void pass(milliseconds time) {
        constexpr milliseconds kStep{50};
        for (milliseconds done{0}; done < time; done += kStep) {
            clock_.advance(kStep);
            courier_->turn(clock_.now());
            ASSERT_NO_FATAL_FAILURE(deliver());
            const auto deadline = courier_->deadline();
            if (deadline) {
                ASSERT_GT(*deadline, clock_.now().steady) << "it would keep its thread busy";
            }
        }
    }
    void bring_up() {
        connect();
        pass(milliseconds(500));
        ASSERT_TRUE(state().translator.ready) << state().trouble;
    }

    UpstreamState state() const { return courier_->status().state; }
    std::string value(const std::string& node, const std::string& path = "/3300/0/5700") const {
        const auto record = translator_->record();
        if (!record["devices"].contains(node)) return "";
        return record["devices"][node]["values"].value(path, "");
    }
    // Messages with values of this node so far.
    std::vector<std::string> sent(const std::string& node) const {
        std::vector<std::string> sequences;
        for (const auto& one : link_.sent) {
            if (one.message.topic != "MQTTGw/GW01/Node/" + node + "/EdgeVal") continue;
            const auto field = nlohmann::json::parse(one.message.payload)["payload_field"];
            for (const auto& object : field) {
                if (object["objectid"] == "3300")
                    sequences.push_back(object["objectinstances"][0]["resources"][0]["value"]);
            }
        }
        return sequences;
    }

    fakes::ManualClock clock_;
    fakes::MemorySource source_;
    fakes::MemoryLink link_;
    Log log_{LogLevel::kError};
    bool alive_ = true;
    std::vector<std::pair<std::string, std::string>> said_;
    std::unique_ptr<sim::Translator> translator_;
    std::unique_ptr<Profile> profile_;
    std::unique_ptr<Courier> courier_;
};

}  // namespace narrowgate::daemon
