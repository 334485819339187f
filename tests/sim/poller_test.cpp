// SPDX-License-Identifier: Apache-2.0
#include "sim/poller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace narrowgate::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{-1, -1};
        EXPECT_EQ(::pipe(ends.data()), 0);
        out = FileDescriptor(ends[0]);
        in = FileDescriptor(ends[1]);
    }
    void write(std::string_view text) const {
        EXPECT_EQ(::write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }

    FileDescriptor out;
    FileDescriptor in;
};

class PollerTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto opened = poller_.open({SIGUSR2});
        ASSERT_TRUE(opened) << opened.error().text();
    }
    // What is ready at this moment, without waiting.
    std::span<const std::uint64_t> ready() { return poller_.wait(now_, now_); }

    Poller poller_;
    const SteadyTime now_ = SystemClock().now().steady;
};

TEST_F(PollerTest, TellsTheTagsOfWhatIsReadyForAsLongAsItIsWatched) {
    const Pipe pipe;
    ASSERT_TRUE(poller_.watch(pipe.out.get(), 7));
    EXPECT_THAT(ready(), IsEmpty());
    pipe.write("x");
    EXPECT_THAT(ready(), ElementsAre(7u));
    EXPECT_THAT(poller_.wait(std::nullopt, now_), ElementsAre(7u));
    poller_.change(pipe.out.get(), 8, 0);
    EXPECT_THAT(ready(), IsEmpty());
    poller_.change(pipe.out.get(), 8, EPOLLIN);
    EXPECT_THAT(ready(), ElementsAre(8u));
    poller_.forget(pipe.out.get());
    EXPECT_THAT(ready(), IsEmpty());
    EXPECT_FALSE(poller_.watch(-1, 9));
}

TEST_F(PollerTest, ASignalIsTakenAndEndsNothing) {
    EXPECT_FALSE(poller_.next_signal());
    ::kill(::getpid(), SIGUSR2);
    EXPECT_THAT(poller_.wait(std::nullopt, now_), ElementsAre(Poller::kSignals));
    EXPECT_EQ(poller_.next_signal(), SIGUSR2);
    EXPECT_FALSE(poller_.next_signal());
    EXPECT_THAT(ready(), IsEmpty());
}

TEST_F(PollerTest, CommandsAreWholeLinesHoweverTheyCome) {
    Pipe pipe;
    poller_.take_commands_from(pipe.out.get());
    pipe.write("one\ntwo\nth");
    EXPECT_THAT(ready(), ElementsAre(Poller::kCommands));
    EXPECT_THAT(poller_.next_commands(), ElementsAre("one", "two"));
    pipe.write("ree");
    EXPECT_THAT(poller_.next_commands(), IsEmpty());
    pipe.write("\n\n");
    EXPECT_THAT(poller_.next_commands(), ElementsAre("three", ""));
    pipe.in.reset();
    EXPECT_THAT(ready(), ElementsAre(Poller::kCommands));
    EXPECT_THAT(poller_.next_commands(), IsEmpty());
    EXPECT_THAT(ready(), IsEmpty()) << "nobody commands any more";
}

}  // namespace
}  // namespace narrowgate::sim
