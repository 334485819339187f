// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <vector>

namespace narrowgate::io {
namespace {

class EventLoopTest : public ::testing::Test {
protected:
    std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::create().value());
};

TEST_F(EventLoopTest, RunsTasksInTheOrderOfPosting) {
    std::vector<int> order;
    ASSERT_TRUE(loop_->post([&] { order.push_back(1); }));
    ASSERT_TRUE(loop_->post([&] { order.push_back(2); }));
    ASSERT_TRUE(loop_->post([&] { loop_->stop(); }));
    loop_->run();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_F(EventLoopTest, TakesTasksFromOtherThreads) {
    int done = 0;
    std::jthread other([&] {
        for (int i = 0; i < 1000; ++i)
            ASSERT_TRUE(loop_->post([&] { ++done; }));
        ASSERT_TRUE(loop_->post([&] { loop_->stop(); }));
    });
    loop_->run();
    EXPECT_EQ(done, 1000);
}

TEST_F(EventLoopTest, RefusesTasksBeyondItsBound) {
    for (std::size_t i = 0; i < EventLoop::kMaxTasks; ++i)
        ASSERT_TRUE(loop_->post([] {}));
    EXPECT_FALSE(loop_->post([] {}));
}

TEST_F(EventLoopTest, ATimerFiresOnceAndNotBeforeItsTime) {
    int fired = 0;
    const SteadyTime start = loop_->now().steady;
    const SteadyTime due = start + milliseconds(20);
    Source timer = loop_->timer([&] {
        ++fired;
        EXPECT_GE(loop_->now().steady, due);
        loop_->stop();
    });
    timer.arm(due);
    loop_->run();
    EXPECT_EQ(fired, 1);
}

TEST_F(EventLoopTest, ADisarmedTimerDoesNotFire) {
    bool fired = false;
    Source never = loop_->timer([&] { fired = true; });
    never.arm(loop_->now().steady);
    never.disarm();
    Source end = loop_->timer([&] { loop_->stop(); });
    end.arm(loop_->now().steady + milliseconds(5));
    loop_->run();
    EXPECT_FALSE(fired);
}

// The defect this guards against: a callback that ends its own registration frees what it runs in.
TEST_F(EventLoopTest, ACallbackMayDestroyItsOwnSource) {
    const int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT_GE(fd, 0);
    const std::string captured(1000, 'x');
    Source source;
    source = loop_->watch(fd, Ready::kRead, [&, captured](Ready what) {
        EXPECT_TRUE(has(what, Ready::kRead));
        source = Source();
        EXPECT_EQ(captured.size(), 1000u);
        loop_->stop();
    });
    loop_->run();
    EXPECT_FALSE(source);
    close(fd);
}

TEST_F(EventLoopTest, HearsASignal) {
    block_signal(SIGUSR1);
    bool heard = false;
    Source signal = loop_->watch_signal(SIGUSR1, [&] {
        heard = true;
        loop_->stop();
    });
    ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
    loop_->run();
    EXPECT_TRUE(heard);
}

}  // namespace
}  // namespace narrowgate::io
