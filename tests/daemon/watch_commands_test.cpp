// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate tail`, `top` and `upstreams` as a person types them, against an API over a real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "daemon/api/api.hpp"
#include "daemon/command_test.hpp"
#include "daemon/commands/event_stream.hpp"
#include "daemon/reading_units.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(EventStreamTest, PutsPiecesTogether) {
    std::vector<std::string> taken;
    EventStream events([&](std::string_view event, std::string_view data) {
        taken.push_back(std::string(event) + "=" + std::string(data));
        return taken.size() < 3;
    });
    EXPECT_TRUE(events.feed(": watching\n\nevent: a\nda"));
    EXPECT_TRUE(events.feed("ta: {\"x\":1}\n"));
    EXPECT_TRUE(taken.empty());
    EXPECT_TRUE(events.feed("\nevent: b\ndata: 2\n\n"));
    EXPECT_FALSE(events.feed("data: 3\n\nevent: c\ndata: 4\n\n"));
    EXPECT_EQ(taken, (std::vector<std::string>{"a={\"x\":1}", "b=2", "=3"}));
}

class WatchCommandsTest : public CommandTest {
protected:
    void SetUp() override {
        store_ = open_store(directory_.path());
        const auto upstream = store_->upstream("aws", {});
        ASSERT_TRUE(upstream) << upstream.error().text();
        upstream_ = *upstream;
        sink_ = store_->add_sink([this](std::vector<store::Completion>&& completions) {
            committed_.fetch_add(static_cast<int>(completions.size()));
            committed_.notify_all();
        });
        tail_ = std::make_unique<Tail>(*store_);
        auto loop = io::EventLoop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        ops::HttpServerOptions options;
        options.socket = directory_.path() / "run/api.sock";
        auto api = Api::open(options, {.loop = *loop_,
                                       .calls = calls_,
                                       .status =
                                           [] {
                                               GatewayStatus status;
                                               status.gateway = "gw-1";
                                               return status;
                                           },
                                       .reload = [] { return std::nullopt; },
                                       .tail = *tail_});
        ASSERT_TRUE(api) << api.error().text();
        api_ = std::move(*api);
        thread_ = std::jthread([this] { loop_->run(); });
    }
    void TearDown() override {
        loop_->stop();
        if (thread_.joinable()) thread_.join();
        api_.reset();
    }

    void commit(const std::string& device, const std::string& fleet) {
        store::Unit unit = reading_unit(store::mask_of(upstream_), clock_.now().wall, sink_);
        unit.reading->device = device;
        unit.reading->fleet = fleet;
        unit.reading->content_format = 110;
        const std::string pack = R"([{"n":"urn:dev:)" + device +
                                 R"(:volume","u":"m3","v":17.25},{"n":"urn:dev:)" + device +
                                 R"(:tilt","vb":true}])";
        unit.reading->payload.assign(pack.begin(), pack.end());
        const int before = committed_.load();
        ASSERT_TRUE(store_->submit(std::move(unit)));
        committed_.wait(before);
    }
    // Types the command, and commits readings of these devices for as long as it looks on.
    ExitCode watch(const std::vector<std::string>& words, const std::vector<std::string>& devices) {
        auto done = std::async(std::launch::async, [&] { return type_at(config_, words); });
        for (int round = 0; round < 5000; ++round) {
            for (const std::string& device : devices)
                commit(device, device.substr(0, 5));
            if (done.wait_for(milliseconds(1)) == std::future_status::ready) return done.get();
        }
        ADD_FAILURE() << "the command does not end";
        api_.reset();
        return done.get();
    }

    const std::filesystem::path config_ = write_gateway(directory_.path());
    std::unique_ptr<store::Store> store_;
    store::UpstreamId upstream_{};
    store::SinkId sink_{};
    std::atomic<int> committed_ = 0;
    std::unique_ptr<Tail> tail_;
    std::unique_ptr<io::EventLoop> loop_;
    ControlCalls calls_;
    std::unique_ptr<Api> api_;
    std::jthread thread_;
};

TEST_F(WatchCommandsTest, TailShowsReadingsOnceTheyAreOnDisk) {
    EXPECT_EQ(watch({"tail", "--count", "3"}, {"wm-0001"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("  wm-0001  telemetry  volume 17.25 m3, tilt true\n"));
    EXPECT_EQ(std::ranges::count(out_, '\n'), 3);
}

TEST_F(WatchCommandsTest, TailTakesADeviceOrAFleet) {
    EXPECT_EQ(watch({"tail", "--count", "2", "--device", "wm-0002"}, {"wm-0001", "wm-0002"}), ExitCode::kOk)
        << err_;
    EXPECT_THAT(out_, Not(HasSubstr("wm-0001")));
    EXPECT_THAT(out_, HasSubstr("wm-0002"));
    EXPECT_EQ(watch({"tail", "--count", "2", "--fleet", "gas-1", "--json"}, {"gas-1001", "wm-0001"}),
              ExitCode::kOk)
        << err_;
    const json first = json::parse(out_.substr(0, out_.find('\n')));
    EXPECT_EQ(first["device"], "gas-1001");
    EXPECT_EQ(first["fleet"], "gas-1");
    EXPECT_EQ(first["senml"][0]["v"], 17.25);
}

TEST_F(WatchCommandsTest, ATerminalDoesNotObeyWhatANodeIsCalled) {
    EXPECT_EQ(watch({"tail", "--count", "1"}, {"wm\x1b[2J1"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("wm?[2J1"));
    EXPECT_THAT(out_, Not(HasSubstr("\x1b")));
}

TEST_F(WatchCommandsTest, NobodyWatchesNothingIsTapped) {
    EXPECT_EQ(watch({"tail", "--count", "1"}, {"wm-0001"}), ExitCode::kOk) << err_;
    // The stream ends with its client, and what comes then is nobody's: nothing may be left behind that
    // counts on it.
    api_.reset();
    tail_.reset();
    commit("wm-0001", "water");
}

TEST_F(WatchCommandsTest, TopShowsTheStatus) {
    EXPECT_EQ(type_at(config_, {"top", "--count", "1"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("gw-1"));
    EXPECT_EQ(type_at(config_, {"top", "--count", "1", "--json"}), ExitCode::kOk) << err_;
    EXPECT_EQ(json::parse(out_)["gateway"], "gw-1");
}

TEST_F(WatchCommandsTest, WithoutAGatewayThereIsNothingToSee) {
    api_.reset();
    for (const char* const command : {"tail", "top"}) {
        EXPECT_EQ(type_at(config_, {command}), ExitCode::kNotRunning);
        EXPECT_THAT(err_, HasSubstr("nobody listens at"));
    }
    EXPECT_EQ(type_at(config_, {"upstreams"}), ExitCode::kNotRunning);
}

}  // namespace
}  // namespace narrowgate::daemon
