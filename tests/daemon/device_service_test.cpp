// SPDX-License-Identifier: Apache-2.0
//
// Devices over a real store.
#include "daemon/devices/device_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>

#include "daemon/control/device_calls.hpp"
#include "daemon/device_keys.hpp"
#include "fakes/child_process.hpp"
#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kActor = "alice (uid 1000)";

class DeviceServiceTest : public ::testing::Test {
protected:
    void SetUp() override {
        store::Options options;
        options.directory = directory_.path() / "state";
        options.ballast_bytes = 256 * 1024;
        auto store = store::Store::open(options, log_, clock_);
        ASSERT_TRUE(store) << store.error().text();
        store_ = *std::move(store);
        const auto changed = [this](CredentialChanges&& changes) {
            for (const store::CredentialId id : changes.removed)
                removed_.push_back(id);
            for (store::CredentialRow& row : changes.added)
                added_.push_back(std::move(row));
        };
        const auto live = [this](const std::vector<store::CredentialId>&) { return live_; };
        const auto exchanges = [this](const std::vector<store::CredentialId>& of, std::size_t count) {
            looked_for_ = {of, count};
            return exchanges_;
        };
        service_.emplace(*store_, clock_, std::set<std::string>{"water-meters", "gas-meters"},
                         DeviceService::Outside{.changed = changed,
                                                .live_sessions = live,
                                                .exchanges = exchanges,
                                                .interval_changed = [this](const std::string& device,
                                                                           std::optional<seconds> interval) {
                                                    intervals_[device] = interval;
                                                }});
    }

    static store::NewDevice device(std::string identity, std::string fleet = "water-meters") {
        store::NewDevice device;
        device.identity = std::move(identity);
        device.fleet = std::move(fleet);
        device.psk = Secret(*from_hex(kPskInHex));
        return device;
    }
    static std::string row(std::string_view identity, std::string_view fleet, std::string_view key) {
        return std::string(identity) + ',' + std::string(fleet) + ',' + std::string(key) + '\n';
    }

    fakes::TemporaryDirectory directory_;
    fakes::ManualClock clock_;
    Log log_{LogLevel::kError};
    std::unique_ptr<store::Store> store_;
    std::optional<DeviceService> service_;
    std::vector<store::CredentialId> removed_;
    std::vector<store::CredentialRow> added_;
    std::map<std::string, std::optional<seconds>> intervals_;
    std::optional<std::vector<LiveSession>> live_;  // nothing: no shard answers
    std::optional<std::vector<DeviceExchange>> exchanges_;
    std::pair<std::vector<store::CredentialId>, std::size_t> looked_for_;
};

TEST_F(DeviceServiceTest, AnAddedDeviceIsToldWithItsKeyAndListed) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    ASSERT_THAT(added_, SizeIs(1));
    EXPECT_EQ(added_[0].identity, "wm-0001");
    EXPECT_EQ(added_[0].device, "wm-0001");
    EXPECT_EQ(added_[0].fleet, "water-meters");
    EXPECT_EQ(to_hex(added_[0].psk.view()), kPskInHex);
    EXPECT_THAT(removed_, IsEmpty());
    const auto devices = service_->list({}, 10);
    ASSERT_TRUE(devices);
    EXPECT_THAT(*devices, SizeIs(1));
}

TEST_F(DeviceServiceTest, AFleetThatDoesNotExistIsRefusedWithTheOneThatWasMeant) {
    const auto added = service_->add(device("wm-0001", "water-meter"), kActor);
    ASSERT_FALSE(added);
    EXPECT_THAT(added.error().cure, HasSubstr("\"water-meters\""));
    EXPECT_THAT(added_, IsEmpty());
}

TEST_F(DeviceServiceTest, AnIdentityInUseIsRefused) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    EXPECT_FALSE(service_->add(device("wm-0001"), kActor));
    EXPECT_THAT(added_, SizeIs(1));
}

TEST_F(DeviceServiceTest, RevocationNamesTheCredentialsWhoseSessionsMustEnd) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    const auto revoked = service_->revoke("wm-0001", kActor);
    ASSERT_TRUE(revoked);
    EXPECT_EQ(*revoked, 1U);
    EXPECT_THAT(removed_, ElementsAre(added_[0].id));
    const auto shown = service_->show("wm-0001");
    ASSERT_TRUE(shown);
    EXPECT_TRUE(shown->device.revoked);
}

TEST_F(DeviceServiceTest, ADeviceThatIsNotThereIsNamed) {
    const auto shown = service_->show("nobody");
    ASSERT_FALSE(shown);
    EXPECT_THAT(shown.error().what, HasSubstr("\"nobody\""));
    EXPECT_FALSE(service_->revoke("nobody", kActor));
    EXPECT_THAT(removed_, IsEmpty());
}

TEST_F(DeviceServiceTest, AnImportIsAllOrNothing) {
    const auto summary =
        service_->import_csv(row("a", "water-meters", kPskInHex) + row("b", "no-fleet", kPskInHex) +
                                 row("c", "water-meters", "00"),
                             false, kActor);
    ASSERT_TRUE(summary);
    ASSERT_THAT(summary->mistakes, SizeIs(2));
    EXPECT_EQ(summary->mistakes[0].line, 2U);
    EXPECT_EQ(summary->mistakes[1].line, 3U);
    EXPECT_THAT(*service_->list({}, 10), IsEmpty());
    EXPECT_THAT(added_, IsEmpty());
}

TEST_F(DeviceServiceTest, ADryRunShowsTheDifferenceAndChangesNothing) {
    ASSERT_TRUE(service_->import_csv(
        row("a", "water-meters", kPskInHex) + row("b", "water-meters", kPskInHex), false, kActor));
    added_.clear();
    const auto summary =
        service_->import_csv(row("a", "water-meters", kPskInHex) + row("b", "water-meters", kOtherPskInHex) +
                                 row("c", "gas-meters", kPskInHex),
                             true, kActor);
    ASSERT_TRUE(summary);
    EXPECT_THAT(summary->mistakes, IsEmpty());
    EXPECT_THAT(summary->added, ElementsAre("c"));
    EXPECT_THAT(summary->changed, ElementsAre("b"));
    EXPECT_THAT(summary->unchanged, ElementsAre("a"));
    EXPECT_THAT(*service_->list({}, 10), SizeIs(2));
    EXPECT_THAT(added_, IsEmpty());
    EXPECT_THAT(removed_, IsEmpty());
}

TEST_F(DeviceServiceTest, AChangedKeyEndsTheOldSessionAndIsTold) {
    ASSERT_TRUE(service_->add(device("a"), kActor));
    const store::CredentialId old = added_.at(0).id;
    added_.clear();
    const auto summary = service_->import_csv(row("a", "water-meters", kOtherPskInHex), false, kActor);
    ASSERT_TRUE(summary) << summary.error().text();
    EXPECT_THAT(summary->changed, ElementsAre("a"));
    EXPECT_THAT(removed_, ElementsAre(old));
    ASSERT_THAT(added_, SizeIs(1));
    EXPECT_EQ(to_hex(added_[0].psk.view()), kOtherPskInHex);
}

TEST_F(DeviceServiceTest, AnExportWithKeysIsImportedIntoAnEmptyGatewayAsTheSame) {
    ASSERT_TRUE(service_->add(device("a"), kActor));
    ASSERT_TRUE(service_->add(device("b", "gas-meters"), kActor));
    ASSERT_TRUE(service_->add(device("gone"), kActor));
    ASSERT_TRUE(service_->revoke("gone", kActor));
    const auto csv = service_->export_csv(true);
    ASSERT_TRUE(csv);
    EXPECT_THAT(*csv, HasSubstr("a,water-meters," + std::string(kPskInHex)));
    EXPECT_THAT(*csv, ::testing::Not(HasSubstr("gone")));
    const auto again = service_->import_csv(*csv, true, kActor);
    ASSERT_TRUE(again);
    EXPECT_THAT(again->mistakes, IsEmpty());
    EXPECT_THAT(again->unchanged, ElementsAre("a", "b"));
    EXPECT_THAT(*service_->export_csv(false), ::testing::Not(HasSubstr(std::string(kPskInHex))));
}

store::Rotation rotation(std::string identity = "") {
    store::Rotation rotation;
    rotation.identity = std::move(identity);
    rotation.psk = Secret(*from_hex(kOtherPskInHex));
    return rotation;
}

TEST_F(DeviceServiceTest, ARotationAddsTheNextCredentialAndRemovesNothing) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    const store::CredentialId old = added_.at(0).id;
    added_.clear();
    const auto row = service_->rotate("wm-0001", rotation(), kActor);
    ASSERT_TRUE(row) << row.error().text();
    EXPECT_EQ(row->identity, "wm-0001#2");
    ASSERT_THAT(added_, SizeIs(1));
    EXPECT_EQ(added_[0].identity, "wm-0001#2");
    EXPECT_EQ(added_[0].device, "wm-0001");
    EXPECT_EQ(added_[0].replaces, old);
    EXPECT_EQ(to_hex(added_[0].psk.view()), kOtherPskInHex);
    EXPECT_THAT(removed_, IsEmpty());
}

TEST_F(DeviceServiceTest, ASecondRotationWaitsForTheFirst) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    ASSERT_TRUE(service_->rotate("wm-0001", rotation("wm-0001-b"), kActor));
    const auto second = service_->rotate("wm-0001", rotation(), kActor);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().text(), HasSubstr("wm-0001-b"));
    EXPECT_FALSE(service_->rotate("nobody", rotation(), kActor));
}

TEST_F(DeviceServiceTest, ARotationThatIsTakenBackLeavesTheOldCredentialAsItWas) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    const auto none = service_->cancel_rotation("wm-0001", kActor);
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().what, HasSubstr("no rotation"));
    const auto row = service_->rotate("wm-0001", rotation(), kActor);
    ASSERT_TRUE(row);
    EXPECT_EQ(service_->cancel_rotation("wm-0001", kActor).value(), "wm-0001#2");
    EXPECT_THAT(removed_, ElementsAre(row->id));
    const auto shown = service_->show("wm-0001");
    ASSERT_TRUE(shown);
    EXPECT_FALSE(shown->device.revoked);
    EXPECT_FALSE(shown->device.credentials.at(0).revoked);
    EXPECT_TRUE(shown->device.credentials.at(1).revoked);
    EXPECT_TRUE(service_->rotate("wm-0001", rotation(), kActor));
}

TEST_F(DeviceServiceTest, OneCredentialIsRevokedAloneAndTheLastOneTakesTheDeviceWithIt) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    ASSERT_TRUE(service_->rotate("wm-0001", rotation(), kActor));
    ASSERT_TRUE(service_->revoke_credential("wm-0001", kActor));
    EXPECT_THAT(removed_, ElementsAre(added_.at(0).id));
    EXPECT_FALSE(service_->show("wm-0001")->device.revoked);
    // What the waiting one would replace is gone already: it is in use like any other.
    EXPECT_EQ(waiting_credential(service_->show("wm-0001")->device), nullptr);
    ASSERT_TRUE(service_->revoke_credential("wm-0001#2", kActor));
    EXPECT_TRUE(service_->show("wm-0001")->device.revoked);
    EXPECT_FALSE(service_->revoke_credential("wm-0001#2", kActor));
}

TEST_F(DeviceServiceTest, TheAuditTrailSaysWhoDidWhatToWhom) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    ASSERT_TRUE(service_->rotate("wm-0001", rotation(), "bob (uid 1001)"));
    ASSERT_TRUE(service_->revoke("wm-0001", kActor));
    const auto entries = service_->audit(10);
    ASSERT_TRUE(entries);
    ASSERT_THAT(*entries, SizeIs(3));
    EXPECT_EQ((*entries)[0].action, "revoke");
    EXPECT_EQ((*entries)[0].actor, kActor);
    EXPECT_EQ((*entries)[1].action, "rotate");
    EXPECT_EQ((*entries)[1].actor, "bob (uid 1001)");
    EXPECT_EQ((*entries)[2].action, "add");
    EXPECT_THAT(*service_->audit(1), SizeIs(1));
}

TEST_F(DeviceServiceTest, AReportIntervalIsKeptToldAndAudited) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    EXPECT_EQ(*service_->set_report_interval("wm-0001", seconds(3600), kActor), "wm-0001");
    EXPECT_EQ(intervals_["wm-0001"], seconds(3600));
    EXPECT_EQ(service_->show("wm-0001")->care.interval, seconds(3600));
    EXPECT_TRUE(service_->show("wm-0001")->care.own_interval);
    EXPECT_EQ(service_->audit(1)->at(0).action, "interval");
    ASSERT_TRUE(service_->set_report_interval("wm-0001", std::nullopt, kActor));
    EXPECT_EQ(intervals_["wm-0001"], std::nullopt);
    EXPECT_EQ(service_->show("wm-0001")->care.interval, std::nullopt);
    const auto nobody = service_->set_report_interval("wm-9", seconds(60), kActor);
    ASSERT_FALSE(nobody);
    EXPECT_THAT(nobody.error().what, HasSubstr("\"wm-9\""));
}

// No daemon runs, or nothing has been counted since the last write.
TEST_F(DeviceServiceTest, AReportHasTheFiguresOfTheStore) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    EXPECT_EQ(service_->show("wm-0001")->care.figures, DeviceFigures{});
    DeviceFigures figures;
    figures.heard = WallTime(seconds(1'767'225'000));
    figures.heard_service = 1;
    figures.add(month_of(clock_.now().wall), Volume{.readings = 3, .bytes_up = 400});
    figures.total = figures.newest.volume;
    std::promise<Expected<void>> written;
    ASSERT_TRUE(
        store_->change_figures({.devices = {"wm-0001"},
                                .merge = [&](std::string_view, ByteView) { return encode(figures); },
                                .done = [&](Expected<void> done) { written.set_value(std::move(done)); }}));
    ASSERT_TRUE(written.get_future().get());
    clock_.advance(std::chrono::hours(2));
    const DeviceCare care = service_->show("wm-0001")->care;
    EXPECT_EQ(care.figures, figures);
    EXPECT_EQ(care.silence, std::chrono::hours(2) - seconds(1));
    EXPECT_FALSE(care.silent);
    EXPECT_EQ(care.on_air, 400U);
}

TEST_F(DeviceServiceTest, AReportHasTheSessionsOfTheShardsWhenTheyAnswer) {
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    EXPECT_THAT(service_->show("wm-0001")->sessions, IsEmpty());
    LiveSession session;
    session.id = 5;
    session.credential = added_.at(0).id;
    session.next_number = 17;
    live_ = {session};
    const auto shown = service_->show("wm-0001");
    ASSERT_THAT(shown->sessions, SizeIs(1));
    EXPECT_EQ(shown->sessions[0].next_number, 17U);
}

TEST_F(DeviceServiceTest, AReportHasTheLastExchangesAsTheCallsTellOfThem) {
    using nlohmann::json;
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    ASSERT_TRUE(service_->revoke("wm-0001", kActor));
    ASSERT_TRUE(service_->add(device("wm-0001"), kActor));
    ControlCalls calls;
    add_device_calls(calls, *service_);
    const auto show = [&calls](json arguments) {
        arguments["device"] = "wm-0001";
        const auto shown = calls.call("device.show", arguments, Caller{});
        return shown ? shown->at("device").at("exchanges") : json("refused");
    };
    EXPECT_EQ(show(json::object()), json(nullptr)) << "no shard answers";
    EXPECT_THAT(looked_for_.first, SizeIs(2)) << "what it sent under its old key is of interest, too";
    EXPECT_EQ(looked_for_.second, 20U);
    show({{"exchanges", 1000U}});
    EXPECT_EQ(looked_for_.second, 100U);
    EXPECT_EQ(show({{"exchanges", "many"}}), json("refused"));

    DeviceExchange answered{.credential = added_.at(1).id,
                            .method = coap::Code::kPost,
                            .path = "telemetry",
                            .code = coap::Code::kChanged,
                            .request_bytes = 90,
                            .response_bytes = 40,
                            .took = std::chrono::microseconds(2500),
                            .repeats = 3};
    DeviceExchange lost = answered;
    lost.end = ExchangeEnd::kCommitFailed;
    lost.code = coap::Code::kEmpty;
    lost.response_bytes = 0;
    exchanges_ = {answered, lost};
    const json shown = show(json::object());
    EXPECT_EQ(shown.at(0), (json{{"at", "1970-01-01T00:00:00.000Z"},
                                 {"identity", "wm-0001"},
                                 {"method", "POST"},
                                 {"path", "telemetry"},
                                 {"path_cut", false},
                                 {"code", "2.04"},
                                 {"fate", "answered"},
                                 {"bytes_up", 90},
                                 {"bytes_down", 40},
                                 {"milliseconds", 2.5},
                                 {"repeats", 3}}));
    EXPECT_EQ(shown.at(1).at("code"), json(nullptr));
    EXPECT_EQ(shown.at(1).at("fate"), "commit_failed");
}

TEST_F(DeviceServiceTest, TheListComesAPageAtATimeUntilThereIsNoMore) {
    using nlohmann::json;
    for (const char* name : {"c", "a", "b"})
        ASSERT_TRUE(service_->add(device(name), kActor));
    ControlCalls calls;
    add_device_calls(calls, *service_);
    const auto list = [&calls](json arguments) {
        const auto page = calls.call("device.list", arguments, Caller{});
        if (!page) return std::string("refused");
        std::string names;
        for (const json& device : page->at("devices"))
            names += device.at("name").get<std::string>() + ' ';
        return names + (page->at("more").get<bool>() ? "and more" : "and no more");
    };
    EXPECT_EQ(list(json::object()), "a b c and no more");
    EXPECT_EQ(list({{"count", 2U}}), "a b and more");
    EXPECT_EQ(list({{"count", 2U}, {"after", "b"}}), "c and no more");
    EXPECT_EQ(list({{"count", 3U}}), "a b c and no more");
    EXPECT_EQ(list({{"count", 0U}}), "a and more") << "so that who pages comes to an end";
    EXPECT_EQ(list({{"count", 1'000'000U}}), "a b c and no more");
    EXPECT_EQ(list({{"after", 7}}), "refused");
}

TEST(PskTest, KeysThatCanBeGuessedAreRefusedWithTheReason) {
    const auto psk = parse_psk(bytes_of("00112233445566778899aabbccddee"));
    ASSERT_FALSE(psk);
    EXPECT_THAT(psk.error().what, HasSubstr("15 bytes; short ones can be guessed"));
    EXPECT_TRUE(parse_psk(bytes_of(" 00112233445566778899AABBCCDDEEFF\r\n")));
    EXPECT_TRUE(parse_psk(bytes_of(std::string(128, '0'))));
    EXPECT_FALSE(parse_psk(bytes_of(std::string(130, '0'))));
    EXPECT_FALSE(parse_psk(bytes_of("")));
}

}  // namespace
}  // namespace narrowgate::daemon
