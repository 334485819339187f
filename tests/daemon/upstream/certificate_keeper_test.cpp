// SPDX-License-Identifier: Apache-2.0
//
// Real files, and time that the test moves.
#include "daemon/upstream/certificate_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "fakes/manual_clock.hpp"
#include "fakes/pki.hpp"

namespace narrowgate::daemon {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CertificateKeeperTest : public testing::Test {
protected:
    CertificateKeeperTest() {
        // The certificates are made by a program that reads the clock.
        clock_.jump_wall(SystemClock{}.now().wall - clock_.now().wall);
        std::filesystem::create_directory(home_);
        connection_.name = "aws";
        connection_.url = "mqtts://broker.example";
        connection_.client_id = "gw-1";
        connection_.ca_file = pki_.root();
        connection_.certificate_file = home_ / "gw.crt";
        connection_.key_file = home_ / "gw.key";
        install(first_);
        make();
    }

    void make(seconds stagger = seconds(0)) {
        keeper_.emplace(CertificateKeeperOptions{.connection = connection_, .stagger = stagger}, log_);
        keeper_->used();
        (void)look();
    }
    static void copy(const std::filesystem::path& from, const std::filesystem::path& to) {
        std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
    }
    void install(const fakes::KeyPair& pair) {
        copy(pair.certificate, connection_.certificate_file);
        copy(pair.key, connection_.key_file);
    }
    bool look() { return keeper_->look(clock_.now()); }
    // Looks as often as the keeper wants to, for `time`: how many times it wants a new connection.
    unsigned renewals_within(std::chrono::microseconds time) {
        unsigned renewals = 0;
        const SteadyTime end = clock_.now().steady + time;
        while (clock_.now().steady < end) {
            const auto next = std::min(keeper_->next_look(), end);
            clock_.advance(std::chrono::ceil<std::chrono::microseconds>(next - clock_.now().steady));
            if (look()) {
                ++renewals;
                keeper_->used();
            }
        }
        return renewals;
    }
    // What is logged meanwhile.
    template <class F>
    std::string heard(F&& action) {
        testing::internal::CaptureStderr();
        action();
        return testing::internal::GetCapturedStderr();
    }

    fakes::Pki pki_;
    const fakes::KeyPair first_ = pki_.client("gw-1");
    const fakes::KeyPair second_ = pki_.client("gw-1-renewed");
    const std::filesystem::path home_ = pki_.directory() / "home";
    fakes::ManualClock clock_;
    mqtt::ConnectionOptions connection_;
    Log log_{LogLevel::kInfo, nullptr, clock_};
    std::optional<CertificateKeeper> keeper_;
};

TEST_F(CertificateKeeperTest, FilesThatStayAsTheyAreRenewNothing) {
    EXPECT_EQ(renewals_within(hours(2)), 0U);
    // Written anew with the same contents, as configuration management does each half hour.
    install(first_);
    EXPECT_EQ(renewals_within(seconds(30)), 0U);
}

TEST_F(CertificateKeeperTest, ANewPairIsUsedWithinSecondsAndOnce) {
    install(second_);
    EXPECT_EQ(renewals_within(CertificateKeeper::kInterval * 2), 1U);
    EXPECT_EQ(renewals_within(hours(1)), 0U);
}

TEST_F(CertificateKeeperTest, HalfOfASwapIsToldOnceAndWaitedFor) {
    const std::string words = heard([&] {
        copy(second_.certificate, connection_.certificate_file);
        EXPECT_EQ(renewals_within(std::chrono::minutes(5)), 0U);
    });
    EXPECT_THAT(words, AllOf(HasSubstr("is not that of the certificate in"), HasSubstr("CN=gw-1-renewed"),
                             HasSubstr("keeps the certificate that it has")));
    EXPECT_EQ(words.find("is not that of"), words.rfind("is not that of")) << words;
    copy(second_.key, connection_.key_file);
    EXPECT_EQ(renewals_within(seconds(10)), 1U);
}

TEST_F(CertificateKeeperTest, AFileThatIsStillBeingWrittenIsLeftAlone) {
    for (int i = 0; i < 10; ++i) {
        install(i % 2 == 0 ? second_ : first_);
        EXPECT_EQ(renewals_within(CertificateKeeper::kInterval), 0U)
            << "it was changed within the last two seconds";
    }
    install(second_);
    EXPECT_EQ(renewals_within(seconds(10)), 1U);
}

TEST_F(CertificateKeeperTest, AFileThatIsGoneIsNoReasonToLetGo) {
    std::filesystem::remove(connection_.key_file);
    EXPECT_EQ(renewals_within(seconds(60)), 0U);
    install(second_);
    EXPECT_EQ(renewals_within(seconds(10)), 1U);
}

// As Kubernetes and others do: the files are links into a directory that is itself a link.
TEST_F(CertificateKeeperTest, ALinkThatIsSwappedAboveTheFilesIsSeen) {
    for (const auto& [name, pair] : {std::pair("one", first_), std::pair("two", second_)}) {
        std::filesystem::create_directory(home_ / name);
        copy(pair.certificate, home_ / name / "gw.crt");
        copy(pair.key, home_ / name / "gw.key");
    }
    for (const auto& file : {connection_.certificate_file, connection_.key_file}) {
        std::filesystem::remove(file);
        std::filesystem::create_symlink(std::filesystem::path("..data") / file.filename(), file);
    }
    std::filesystem::create_directory_symlink("one", home_ / "..data");
    make();
    EXPECT_EQ(renewals_within(seconds(10)), 0U);
    std::filesystem::create_directory_symlink("two", home_ / "..new");
    std::filesystem::rename(home_ / "..new", home_ / "..data");
    EXPECT_EQ(renewals_within(seconds(10)), 1U);
}

TEST_F(CertificateKeeperTest, NewRootsAreAReasonToo) {
    connection_.ca_file = home_ / "ca.pem";
    copy(pki_.root(), connection_.ca_file);
    make();
    const fakes::Pki other("Another root");
    copy(other.root(), connection_.ca_file);
    EXPECT_EQ(renewals_within(seconds(10)), 1U);
}

TEST_F(CertificateKeeperTest, APairThatHasExpiredReplacesNoGoodOne) {
    const fakes::KeyPair old =
        pki_.issue({.file_name = "old", .common_name = "old", .from = hours(-48), .to = hours(-24)});
    const std::string words = heard([&] {
        install(old);
        EXPECT_EQ(renewals_within(seconds(60)), 0U);
    });
    EXPECT_THAT(words, HasSubstr("expired on"));
}

// Made by an authority whose clock is ahead: no file changes when its time has come.
TEST_F(CertificateKeeperTest, APairThatIsNotYetValidIsUsedWhenItIs) {
    install(pki_.issue({.file_name = "early", .common_name = "early", .from = hours(1), .to = hours(48)}));
    EXPECT_EQ(renewals_within(std::chrono::minutes(59)), 0U);
    EXPECT_EQ(renewals_within(std::chrono::minutes(2)), 1U);
}

TEST_F(CertificateKeeperTest, ConnectionsOfOneUpstreamGoOneAfterTheOther) {
    make(seconds(10));
    install(second_);
    EXPECT_EQ(renewals_within(seconds(10)), 0U);
    EXPECT_EQ(renewals_within(seconds(5)), 1U);
}

TEST_F(CertificateKeeperTest, AReloadWithTheSameSettingsAndFilesRenewsNothing) {
    keeper_->update(connection_, clock_.now());
    EXPECT_EQ(renewals_within(seconds(10)), 0U);
    connection_.keep_alive = seconds(60);
    keeper_->update(connection_, clock_.now());
    EXPECT_TRUE(look()) << "at once";
    keeper_->used();
    EXPECT_EQ(renewals_within(seconds(10)), 0U);
}

// A reload need not wait for the next look, and the look after it finds nothing new.
TEST_F(CertificateKeeperTest, AReloadUsesNewFilesAtOnceAndOnce) {
    install(second_);
    keeper_->update(connection_, clock_.now());
    EXPECT_TRUE(look());
    keeper_->used();
    EXPECT_EQ(renewals_within(seconds(30)), 0U);
}

TEST_F(CertificateKeeperTest, AnAttemptThatUsedNewFilesAnywayIsNotFollowedByAnother) {
    install(second_);
    keeper_->used();
    EXPECT_EQ(renewals_within(seconds(30)), 0U);
}

TEST_F(CertificateKeeperTest, TheEndIsToldOnceADayFromThirtyDaysAheadAndIsAnErrorFromSevenDaysAhead) {
    install(pki_.issue({.file_name = "month",
                        .common_name = "month",
                        .from = hours(-1),
                        .to = std::chrono::hours(24 * 31 + 1)}));
    // Its roots would have their own say.
    connection_.ca_file = home_ / "none";
    const auto lines = [&](WallTime::duration time) {
        return heard([&] {
            const auto end = clock_.now().steady + time;
            for (; clock_.now().steady < end; clock_.advance(std::chrono::minutes(10)))
                (void)look();
        });
    };
    EXPECT_EQ(heard([&] { make(); }), "");
    EXPECT_EQ(lines(days(1) - hours(1)), "");
    const std::string first = lines(days(3));
    EXPECT_THAT(first, AllOf(HasSubstr("warning"), HasSubstr("CN=month"), HasSubstr("expires in 29 days"),
                             HasSubstr("expires in 28 days"), Not(HasSubstr("error"))));
    EXPECT_EQ(std::ranges::count(first, '\n'), 3);
    (void)lines(days(20));
    const std::string week = lines(days(3));
    EXPECT_THAT(week, AllOf(HasSubstr("error"), HasSubstr("expires in 5 days"), HasSubstr("renew it")));
    (void)lines(days(4));
    EXPECT_THAT(lines(days(2)), AllOf(HasSubstr("error"), HasSubstr("expired on 20")));
}

TEST_F(CertificateKeeperTest, StatusHasTheFirstEndOfOursAndTheLastOfTheRoots) {
    ASSERT_TRUE(keeper_->expires() && keeper_->roots_expire());
    const auto now = clock_.now().wall;
    EXPECT_NEAR(static_cast<double>((*keeper_->expires() - now) / hours(1)), 48, 1);
    EXPECT_NEAR(static_cast<double>((*keeper_->roots_expire() - now) / hours(1)), 48, 1);
    install(pki_.issue({.file_name = "short", .common_name = "short", .from = hours(-1), .to = hours(5)}));
    EXPECT_NEAR(static_cast<double>((*keeper_->expires() - now) / hours(1)), 48, 1) << "not in use yet";
    ASSERT_EQ(renewals_within(seconds(10)), 1U);
    EXPECT_NEAR(static_cast<double>((*keeper_->expires() - now) / hours(1)), 5, 1);
}

TEST_F(CertificateKeeperTest, ACertificateForServersAloneIsDoubtedInTheLog) {
    install(pki_.server("gw-server", "DNS:gw"));
    EXPECT_THAT(heard([&] { make(); }), HasSubstr("clientAuth"));
}

}  // namespace
}  // namespace narrowgate::daemon
