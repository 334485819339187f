// SPDX-License-Identifier: Apache-2.0
//
// The journal's socket is the test's: it is at a fixed path, so a mount namespace covers that one.
#include "narrowgate/io/journal_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "narrowgate/io/unix_socket.hpp"

namespace narrowgate::io {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr LogEvent kLost = {.name = "upstream.lost",
                            .level = LogLevel::kError,
                            .about = About::kUpstream,
                            .when = "It is.",
                            .cure = "find it",
                            .message_id = "0123456789abcdef0123456789abcdef"};

// Moves this process into a mount namespace where /run is its own. What is missing for it, or nothing.
std::string enter_own_run() {
    const auto failed = [](const std::string& what) { return what + ": " + std::strerror(errno); };
    const auto user = std::to_string(::geteuid());
    const auto group = std::to_string(::getegid());
    if (::unshare(CLONE_NEWNS | (user == "0" ? 0 : CLONE_NEWUSER)) != 0) return failed("unshare");
    if (user != "0") {
        std::ofstream("/proc/self/setgroups") << "deny";
        std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
        std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mount /");
    if (::mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0) return failed("mount /run");
    return {};
}

// journald's side of its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
class JournalSinkTest : public testing::Test {
protected:
    void SetUp() override {
        if (const std::string missing = enter_own_run(); !missing.empty())
            GTEST_SKIP() << "needs root or user namespaces: " << missing;
        std::filesystem::create_directories("/run/systemd/journal");
        const auto address = unix_address("/run/systemd/journal/socket");
        ASSERT_TRUE(address.has_value());
        ASSERT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)), 0);
    }

    // The fields of the entry that has come; empty when none has.
    std::map<std::string, std::string> entry() {
        std::array<char, 65'536> buffer{};
        const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        std::map<std::string, std::string> fields;
        std::string_view rest(buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
        while (!rest.empty()) {
            const auto name_end = rest.find_first_of("=\n");
            if (name_end == std::string_view::npos) return {{"torn", std::string(rest)}};
            const std::string name(rest.substr(0, name_end));
            std::size_t begin = name_end + 1;
            std::uint64_t length = 0;
            if (rest[name_end] == '=') {
                length = rest.find('\n', begin) - begin;
            } else {
                // A length of 64 bits, little-endian, where the value has a line's end in it.
                for (std::size_t i = 0; i < 8; ++i)
                    length |= std::uint64_t{static_cast<std::uint8_t>(rest[begin + i])} << (8 * i);
                begin += 8;
            }
            fields[name] = std::string(rest.substr(begin, length));
            rest.remove_prefix(begin + length + 1);
        }
        return fields;
    }

    FileDescriptor socket_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(JournalSinkTest, AnEntryHasTheFieldsToFilterBy) {
    const auto sink = journal_sink();
    sink->write({.level = LogLevel::kError,
                 .event = &kLost,
                 .fields = {.device = {}, .fleet = {}, .upstream = "aws"},
                 .message = "aws is lost; find it"});
    EXPECT_THAT(entry(), UnorderedElementsAre(Pair("MESSAGE", "aws is lost; find it"), Pair("PRIORITY", "3"),
                                              Pair("SYSLOG_IDENTIFIER", "narrowgate"),
                                              Pair("NARROWGATE_EVENT", "upstream.lost"),
                                              Pair("NARROWGATE_UPSTREAM", "aws"),
                                              Pair("MESSAGE_ID", "0123456789abcdef0123456789abcdef")));
    sink->write({.level = LogLevel::kWarning,
                 .event = nullptr,
                 .fields = {.device = "wm-1", .fleet = "water", .upstream = {}},
                 .message = "m"});
    EXPECT_THAT(entry(),
                UnorderedElementsAre(Pair("MESSAGE", "m"), Pair("PRIORITY", "4"),
                                     Pair("SYSLOG_IDENTIFIER", "narrowgate"),
                                     Pair("NARROWGATE_DEVICE", "wm-1"), Pair("NARROWGATE_FLEET", "water")));
}

// The Log leaves no line's end in a value. Should one come all the same, it must not become a field of its
// own.
TEST_F(JournalSinkTest, AValueCannotBecomeAField) {
    journal_sink()->write({.level = LogLevel::kInfo,
                           .event = nullptr,
                           .fields = {.device = "x\nNARROWGATE_FLEET=other", .fleet = {}, .upstream = {}},
                           .message = "one\nPRIORITY=0"});
    EXPECT_THAT(entry(), UnorderedElementsAre(Pair("MESSAGE", "one\nPRIORITY=0"), Pair("PRIORITY", "6"),
                                              Pair("SYSLOG_IDENTIFIER", "narrowgate"),
                                              Pair("NARROWGATE_DEVICE", "x\nNARROWGATE_FLEET=other")));
}

TEST_F(JournalSinkTest, WhatTheJournalDoesNotTakeGoesToStandardError) {
    const auto sink = journal_sink();
    socket_ = FileDescriptor();  // ECONNREFUSED, as while journald is being restarted without its socket
    testing::internal::CaptureStderr();
    sink->write({.level = LogLevel::kError,
                 .event = &kLost,
                 .fields = {.device = {}, .fleet = {}, .upstream = "aws"},
                 .message = "aws is lost"});
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                HasSubstr("aws is lost event=upstream.lost upstream=aws\n"));
}

TEST_F(JournalSinkTest, OnlyAStandardErrorThatIsTheJournalsGoesThere) {
    testing::internal::CaptureStderr();
    struct stat status{};
    ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
    const LogEntry line{.level = LogLevel::kInfo, .event = nullptr, .fields = {}, .message = "here"};
    setenv("JOURNAL_STREAM", "1:1", 1);
    journal_or_stderr()->write(line);
    EXPECT_TRUE(entry().empty());
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    setenv("JOURNAL_STREAM", stream.c_str(), 1);
    journal_or_stderr()->write(line);
    EXPECT_EQ(entry()["MESSAGE"], "here");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(" info here\n"));
    unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace narrowgate::io
