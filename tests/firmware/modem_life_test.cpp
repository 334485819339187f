// SPDX-License-Identifier: Apache-2.0
//
// The real driver, with the whole node above it, against a SARA-N2 that was written by the manual and not by
// the driver: every mode and every defect of it, one by one and drawn. What must hold: no reading lost that
// the ring could hold, no nonce and no stored session used twice, and a session that outlives it all.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "firmware/sim_world.hpp"

namespace narrowgate::firmware {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using namespace sim;

struct Switch {
    const char* name;
    void (*turn)(ModemOptions&);
};

void PrintTo(const Switch& one, std::ostream* out) {
    *out << one.name;
}

constexpr Switch kSwitches[] = {
    {"Plain", [](ModemOptions&) {}},
    {"Echo", [](ModemOptions& o) { o.manners.echo = true; }},
    {"AnswersLate", [](ModemOptions& o) { o.manners.answer_jitter = milliseconds(1'500); }},
    {"AnswersGarbage", [](ModemOptions& o) { o.manners.answers_garbage = true; }},
    {"LosesInputWhenBusy", [](ModemOptions& o) { o.manners.loses_input_when_busy = true; }},
    {"AnnouncesWithoutASpace", [](ModemOptions& o) { o.manners.announcement_space = false; }},
    {"AnnouncesOnce", [](ModemOptions& o) { o.manners.announcement = Announcement::kOnce; }},
    {"AnnouncesOneByOne", [](ModemOptions& o) { o.manners.announcement = Announcement::kOneByOne; }},
    {"EmptyReadIsShort", [](ModemOptions& o) { o.manners.empty_read = EmptyRead::kShort; }},
    {"EmptyReadIsCommas", [](ModemOptions& o) { o.manners.empty_read = EmptyRead::kCommas; }},
    {"EmptyReadIsSilent", [](ModemOptions& o) { o.manners.empty_read = EmptyRead::kSilent; }},
    {"RemainingIsOfTheDatagram", [](ModemOptions& o) { o.manners.remaining = Remaining::kDatagram; }},
    {"LoneCarriageReturn", [](ModemOptions& o) { o.manners.lone_carriage_return = true; }},
    {"VendorsErrorNumbers", [](ModemOptions& o) { o.manners.error_numbers = ErrorNumbers::kVendor; }},
    {"StrangeErrorNumbers", [](ModemOptions& o) { o.manners.error_numbers = ErrorNumbers::kStrange; }},
    {"AttachWorks", [](ModemOptions& o) { o.manners.attach_is_disabled = false; }},
    {"SequenceNumbers", [](ModemOptions& o) { o.manners.sequence_numbers = true; }},
    {"SwallowsSendsUnregistered",
     [](ModemOptions& o) { o.manners.send_unregistered = SendUnregistered::kSwallowed; }},
    {"NoAutoconnect", [](ModemOptions& o) { o.life.autoconnect = false; }},
    {"BannerNeul", [](ModemOptions& o) { o.life.banner = Banner::kNeul; }},
    {"BannerNone", [](ModemOptions& o) { o.life.banner = Banner::kNone; }},
    {"ForgetsPsmSettings", [](ModemOptions& o) { o.life.keeps_psm_settings = false; }},
    {"ClosesSocketsInPsm", [](ModemOptions& o) { o.life.keeps_sockets_in_psm = false; }},
    {"WakeLosesManyBytes", [](ModemOptions& o) { o.life.wake_lost_bytes = 5; }},
    {"WakeLossVaries", [](ModemOptions& o) { o.life.wake_lost_bytes = 5, o.life.wake_loss_varies = true; }},
    {"WakeGarbles", [](ModemOptions& o) { o.life.wake_lost_bytes = 3, o.life.wake_garbles = true; }},
    {"WakesSlowly", [](ModemOptions& o) { o.life.wake_time = milliseconds(200); }},
    {"Roams", [](ModemOptions& o) { o.network.roaming = true; }},
    {"IsDeniedAtFirst", [](ModemOptions& o) { o.network.denied_attempts = 2; }},
    {"GrantsNoPsm", [](ModemOptions& o) { o.network.grants_psm = false; }},
    {"LosesDownlinksInPsm", [](ModemOptions& o) { o.network.holds_downlinks_in_psm = false; }},
    {"LosesDatagrams", [](ModemOptions& o) { o.network.link.loss = 0.1; }},
    {"DelaysDatagrams",
     [](ModemOptions& o) { o.network.link = {.delay = seconds(4), .jitter = seconds(6)}; }},
    {"DuplicatesAndReorders",
     [](ModemOptions& o) { o.network.link.duplication = o.network.link.reorder = 0.3; }},
    {"ForgetsItsMapping", [](ModemOptions& o) { o.network.nat_timeout = seconds(60); }},
    {"Rebinds", [](ModemOptions& o) { o.network.rebind_every = minutes(10); }},
    {"LosesUrcs", [](ModemOptions& o) { o.defects.lost_urc = 0.2; }},
    {"UrcsInAnswers", [](ModemOptions& o) { o.defects.urc_in_answer = 0.5; }},
    {"LosesAnswers", [](ModemOptions& o) { o.defects.lost_answer = 0.05; }},
    {"IsBusy", [](ModemOptions& o) { o.defects.busy_send = 0.3; }},
    {"RestartsInSend", [](ModemOptions& o) { o.defects.reboot_in_send = 0.2; }},
    {"RestartsByItself", [](ModemOptions& o) { o.defects.reboot_every = hours(1); }},
    {"NetworkComesAndGoes",
     [](ModemOptions& o) { o.defects.flap_every = minutes(20), o.defects.flap_time = seconds(60); }},
};

class NodeSimulatedModemTest : public ::testing::TestWithParam<Switch> {};

// Two days, asleep whenever it may be.
TEST_P(NodeSimulatedModemTest, LosesNothingAndKeepsItsSession) {
    ModemOptions options;
    GetParam().turn(options);
    SimWorld world(options, 7);
    const SteadyTime end = world.now().steady + hours(48);
    while (world.now().steady < end) {
        if (!world.run(hours(2), [&] { return nd_may_sleep(world.node.get()); })) break;
        world.sleeps(world.to_sleep());
    }
    const auto measured = world.temperature;
    ASSERT_TRUE(world.run(hours(3), [&] { return world.node->ring.count == 0; }));
    EXPECT_GE(measured, SimWorld::kFirst + 45);
    EXPECT_EQ(world.missing(measured), std::vector<std::int64_t>{});
    EXPECT_EQ(world.audit.counts().collisions, 0U);
    EXPECT_GT(world.audit.counts().records_up, 45U);
    EXPECT_EQ(world.gateway.established.size(), 1U);
    EXPECT_EQ(world.dropped, 0U);
    EXPECT_EQ(world.counts().refused, 0U);
    EXPECT_EQ(world.node->modem.counts.strangers, 0U);
}

INSTANTIATE_TEST_SUITE_P(Switches, NodeSimulatedModemTest, ::testing::ValuesIn(kSwitches),
                         [](const auto& each) { return std::string(each.param.name); });

class NodeSimulatedModemLifeTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(NodeSimulatedModemLifeTest, AThousandHoursWithEveryDefectAtOnce) {
    constexpr hours kLife(1'000);
    std::mt19937 random(GetParam());
    const auto draw = [&](unsigned one_in) { return random() % one_in == 0; };
    SimWorld world(draw_modem(GetParam()), GetParam(), draw(4) ? 0 : 14'400);
    const SteadyTime end = world.now().steady + kLife;
    while (world.now().steady < end) {
        world.reachable = !draw(20);
        if (draw(20)) world.gateway.crash();
        const bool well = world.run(minutes(30 + random() % 60),
                                    [&] { return nd_may_sleep(world.node.get()) && !draw(8); });
        if (draw(40)) {
            world.boots_up();  // a loss of the core's supply, wherever it was
        } else if (well || nd_may_sleep(world.node.get())) {
            world.sleeps(world.to_sleep());
        }
    }
    world.reachable = true;
    const auto measured = world.temperature;
    EXPECT_TRUE(world.run(hours(24), [&] { return world.missing(measured).empty(); }));
    EXPECT_EQ(world.missing(measured), std::vector<std::int64_t>{});
    EXPECT_GT(measured, SimWorld::kFirst + 900);
    EXPECT_EQ(world.audit.counts().collisions, 0U);
    EXPECT_GT(world.audit.counts().records_up, 900U);
    EXPECT_EQ(world.dropped, 0U);
    EXPECT_EQ(world.counts().refused, 0U);
    EXPECT_GT(world.sessions_used, 100U);
    RecordProperty("sessions", static_cast<int>(world.gateway.established.size()));
    RecordProperty("modem_starts", static_cast<int>(world.modem.state().counts.starts));
}

INSTANTIATE_TEST_SUITE_P(Seeds, NodeSimulatedModemLifeTest, ::testing::Range(1U, 5U));

}  // namespace
}  // namespace narrowgate::firmware
