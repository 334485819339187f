// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/upstream/courier.hpp"
#include "daemon/upstream/topic_profile.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/memory_upstream.hpp"

namespace narrowgate::daemon {

// A courier between a store and a broker in memory, in virtual time.
class CourierTest : public testing::Test {
protected:
    CourierTest() { make({}); }

    void make(CourierOptions options) {
        options.name = "aws";
        courier_ = std::make_unique<Courier>(options, source_, link_, *profile_, routes(), log_, 1);
    }

    // Readings that were there before the courier: a backlog.
    void begin_with(std::size_t backlog) {
        source_.add_many(backlog);
        make({});
    }

    static std::shared_ptr<const Routes> routes() {
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back({.resource = *coap::PathPattern::parse("telemetry"),
                                .upstream = "aws",
                                .topic = "dt/{device}/{resource}"});
        return std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "aws", "gw-1"));
    }

    void turn() { courier_->turn(clock_.now()); }
    void tell(const mqtt::Event& event) {
        courier_->on_event(event, clock_.now());
        turn();
    }
    void connect(std::uint16_t receive_maximum = 65'535) {
        turn();
        tell(link_.accepts(receive_maximum));
    }
    void wait(std::chrono::microseconds time) {
        clock_.advance(time);
        turn();
    }
    // To the next moment at which the courier wants a turn. A courier that wants one now for ever would spin.
    void wait_for_deadline() {
        const auto deadline = courier_->deadline();
        ASSERT_TRUE(deadline);
        ASSERT_GT(*deadline, clock_.now().steady) << "a courier with nothing to do keeps its thread busy";
        clock_.advance(std::chrono::ceil<std::chrono::microseconds>(*deadline - clock_.now().steady));
        turn();
    }
    // Answers all publishes, and those that follow, until there are none.
    void drain(mqtt::ReasonCode code = mqtt::ReasonCode::kSuccess) {
        while (!link_.unanswered.empty())
            tell(link_.answers(code));
    }
    // The readings published so far, by the number that is their payload.
    std::vector<ReadingNumber> sent() const {
        std::vector<ReadingNumber> numbers;
        for (const auto& one : link_.sent) {
            const std::size_t at = one.message.payload.find("\"id\":\"store-");
            numbers.push_back(at == std::string::npos ? 0 : std::stoull(one.message.payload.substr(at + 12)));
        }
        return numbers;
    }
    static std::vector<ReadingNumber> range(ReadingNumber first, ReadingNumber last) {
        std::vector<ReadingNumber> numbers;
        for (ReadingNumber number = first; number <= last; ++number)
            numbers.push_back(number);
        return numbers;
    }

    fakes::ManualClock clock_;
    fakes::MemorySource source_;
    fakes::MemoryLink link_;
    Log log_{LogLevel::kError};
    std::unique_ptr<Profile> profile_ = topic_profile({});
    std::unique_ptr<Courier> courier_;
};

}  // namespace narrowgate::daemon
