// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/offenders_log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {
namespace {

std::vector<std::string> lines_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

// The value behind "KEY = " in a file of fail2ban.
std::string setting(const std::filesystem::path& file, const std::string& key) {
    for (const std::string& line : lines_of(file)) {
        if (line.starts_with(key + " = ")) return line.substr(key.size() + 3);
    }
    return {};
}

class OffendersLogTest : public ::testing::Test {
protected:
    OffendersLogTest() {
        directory_ = std::filesystem::path(::testing::TempDir()) /
                     ("offenders-" + std::to_string(::getpid()) + "-" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(directory_);
        file_ = directory_ / "offenders.log";
    }
    ~OffendersLogTest() override { std::filesystem::remove_all(directory_); }

    Offence offence(const std::string& address) const {
        return {*Address::from_text(address), 12, seconds(10), clock_.now().wall};
    }

    fakes::ManualClock clock_;
    Log log_{LogLevel::kError};
    std::filesystem::path directory_;
    std::filesystem::path file_;
};

TEST_F(OffendersLogTest, SaysWhenWhoAndHowOftenInOneLine) {
    EXPECT_EQ(line_of(offence("192.0.2.1:40000")),
              "2026-01-01T00:00:00Z narrowgate: offender address=192.0.2.1 failed_handshakes=12 seconds=10");
    EXPECT_EQ(line_of(offence("[2001:db8:1:2:3::4]:40000")),
              "2026-01-01T00:00:00Z narrowgate: offender address=2001:db8:1:2::/64 failed_handshakes=12 "
              "seconds=10");
}

// The expression as it is shipped, with fail2ban's tag for an address or a network written out.
TEST_F(OffendersLogTest, TheShippedFilterMatchesWhatIsWritten) {
    const std::filesystem::path filter =
        std::filesystem::path(NARROWGATE_SOURCE_DIRECTORY) / "packaging/fail2ban/filter.d/narrowgate.conf";
    std::string expression = setting(filter, "failregex");
    const std::string tag = "<SUBNET>";
    const auto at = expression.find(tag);
    ASSERT_NE(at, std::string::npos);
    expression.replace(at, tag.size(), "([0-9a-f.:]+(?:/[0-9]+)?)");
    const std::regex regex(expression);
    for (const char* address : {"192.0.2.1:40000", "[2001:db8:1:2:3::4]:40000"}) {
        // fail2ban takes the time off first.
        const std::string line = line_of(offence(address));
        const std::string rest = line.substr(line.find('Z') + 1);
        std::smatch match;
        ASSERT_TRUE(std::regex_search(rest, match, regex)) << rest;
        EXPECT_NE(line.find("address=" + match[1].str() + " "), std::string::npos);
    }
    std::smatch none;
    const std::string other = " narrowgate: offender address=192.0.2.1 x failed_handshakes=12 seconds=10";
    EXPECT_FALSE(std::regex_search(other, none, regex));
}

TEST_F(OffendersLogTest, IsNotFilledFasterThanItsPace) {
    auto log = OffendersLog::open(file_, log_);
    ASSERT_TRUE(log.has_value());
    for (int i = 0; i < 1000; ++i)
        log->write(offence("192.0.2.1:1"), clock_.now().steady);
    EXPECT_EQ(lines_of(file_).size(), OffendersLog::kLinesPerSecond);
    clock_.advance(seconds(60));
    for (int i = 0; i < 1000; ++i)
        log->write(offence("192.0.2.1:1"), clock_.now().steady);
    EXPECT_EQ(lines_of(file_).size(), 2 * OffendersLog::kLinesPerSecond);
}

TEST_F(OffendersLogTest, StopsAtItsSizeUntilItIsRotated) {
    {
        std::ofstream big(file_);
        big << std::string(OffendersLog::kMaxBytes - 200, 'x') << '\n';
    }
    auto log = OffendersLog::open(file_, log_);
    ASSERT_TRUE(log.has_value());
    for (int i = 0; i < 10; ++i)
        log->write(offence("192.0.2.1:1"), clock_.now().steady);
    EXPECT_LE(std::filesystem::file_size(file_), OffendersLog::kMaxBytes);
    std::filesystem::rename(file_, directory_ / "offenders.log.1");
    log->reopen();
    log->write(offence("192.0.2.2:1"), clock_.now().steady);
    const auto lines = lines_of(file_);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("address=192.0.2.2 "), std::string::npos);
}

TEST_F(OffendersLogTest, SaysWhatToDoWhenTheFileCannotBeMade) {
    const auto log = OffendersLog::open(directory_ / "missing" / "offenders.log", log_);
    ASSERT_FALSE(log.has_value());
    EXPECT_NE(log.error().what.find("missing"), std::string::npos);
    EXPECT_NE(log.error().cure.find("gateway.offenders_log"), std::string::npos);
}

// Through a link another user's file would grow.
TEST_F(OffendersLogTest, FollowsNoLink) {
    std::ofstream(directory_ / "other") << "";
    std::filesystem::create_symlink(directory_ / "other", file_);
    EXPECT_FALSE(OffendersLog::open(file_, log_).has_value());
}

}  // namespace
}  // namespace narrowgate::daemon
