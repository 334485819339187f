// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/api.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "daemon/api/metrics.hpp"
#include "daemon/api/page.hpp"
#include "narrowgate/ops/http_client.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

GatewayStatus some_status() {
    GatewayStatus status;
    status.gateway = "gw-1";
    status.version = "0.1";
    status.sessions = 3;
    status.uplink.readings = 40;
    status.measures.handshakes[{"timed_out", "finished"}] = 2;
    status.upstreams.emplace_back().name = "aws";
    return status;
}

// An API whose loop turns in a thread of its own.
class ApiTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "api-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        auto loop = io::EventLoop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        calls_.add("device.list", [](json&) -> Expected<json> {
            return json{{"devices", {{{"name", "<script>alert(1)</script>"}, {"fleet", "water"}}}}};
        });
        calls_.add("device.diagnose", [](json& arguments) -> Expected<json> {
            if (arguments["who"] == "nobody")
                return failure("there is no device \"nobody\"", "narrowgate device list");
            return arguments;
        });
        for (const char* list : {"devices.silent", "devices.costly", "devices.slow"}) {
            calls_.add(list, [list](json& arguments) -> Expected<json> {
                return json{{"call", list}, {"with", arguments}};
            });
        }
        store::Options store_options;
        store_options.directory = folder_ / "state";
        auto store = store::Store::open(store_options, log_, clock_);
        ASSERT_TRUE(store) << store.error().text();
        store_ = std::move(*store);
        tail_ = std::make_unique<Tail>(*store_);
        ops::HttpServerOptions options;
        options.socket = folder_ / "api.sock";
        options.threads = 4;
        auto api = Api::open(options, {.loop = *loop_,
                                       .calls = calls_,
                                       .status = some_status,
                                       .reload = [this] { return wrong_; },
                                       .tail = *tail_,
                                       .call_patience = seconds(3)});
        ASSERT_TRUE(api) << api.error().text();
        api_ = std::move(*api);
        thread_ = std::jthread([this] { loop_->run(); });
    }
    void TearDown() override {
        loop_->stop();
        if (thread_.joinable()) thread_.join();
        api_.reset();
        store_.reset();
        std::filesystem::remove_all(folder_);
    }

    ops::HttpClient client() const { return ops::HttpClient(folder_ / "api.sock"); }
    json get(const std::string& target, int status = 200) const {
        const auto response = client().get(target);
        if (!response) {
            ADD_FAILURE() << response.error().error.text();
            return {};
        }
        EXPECT_EQ(response->status, status) << response->body;
        return json::parse(response->body, nullptr, false);
    }

    std::filesystem::path folder_;
    std::unique_ptr<io::EventLoop> loop_;
    Log log_{LogLevel::kError};
    SystemClock clock_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<Tail> tail_;
    ControlCalls calls_;
    std::optional<std::string> wrong_;
    std::unique_ptr<Api> api_;
    std::jthread thread_;
};

TEST_F(ApiTest, ShowsTheStatusAndHowHandshakesEnded) {
    const json status = get("/v1/status");
    EXPECT_EQ(status["gateway"], "gw-1");
    EXPECT_EQ(status["uplink"]["readings"], 40);
    EXPECT_EQ(status["handshake_ends"],
              json({{{"outcome", "timed_out"}, {"step", "finished"}, {"count", 2}}}));
}

TEST_F(ApiTest, PassesCallsOnAndTheirErrors) {
    EXPECT_EQ(get("/v1/devices")["devices"].size(), 1U);
    EXPECT_EQ(get("/v1/devices/wm%2F0001")["who"], "wm/0001");
    const json error = get("/v1/devices/nobody", 404);
    EXPECT_EQ(error["error"]["what"], "there is no device \"nobody\"");
    EXPECT_EQ(error["error"]["cure"], "narrowgate device list");
}

TEST_F(ApiTest, ADeviceIsAskedForWithSoManyExchanges) {
    EXPECT_EQ(get("/v1/devices/wm-1?exchanges=5"), (json{{"who", "wm-1"}, {"exchanges", 5}}));
    EXPECT_EQ(get("/v1/devices/wm-1"), (json{{"who", "wm-1"}}));
    for (const char* count : {"-1", "many", ""})
        get(std::string("/v1/devices/wm-1?exchanges=") + count, 400);
}

TEST_F(ApiTest, ListsOfDevicesAreAskedForByCountAndFleet) {
    EXPECT_EQ(get("/v1/devices/silent")["with"], json::object());
    EXPECT_EQ(get("/v1/devices/silent?count=5&fleet=water")["with"],
              (json{{"count", 5}, {"fleet", "water"}}));
    EXPECT_EQ(get("/v1/devices/costly?count=0")["call"], "devices.costly");
    EXPECT_EQ(get("/v1/devices/slow?count=1000")["with"], (json{{"count", 1000}}));
    for (const char* count : {"-1", "ten", "5%20", "", "99999999999999999999"})
        get(std::string("/v1/devices/silent?count=") + count, 400);
}

TEST_F(ApiTest, HasNothingElse) {
    get("/v1/nothing", 404);
    get("/../etc/passwd", 404);
    // What a gateway can do is not what can be asked for here: exports of keys above all.
    calls_.add("device.export", [](json&) -> Expected<json> { return json{{"csv", "key"}}; });
    get("/v1/device.export", 404);
    const auto posted = client().post("/v1/devices");
    ASSERT_TRUE(posted);
    EXPECT_EQ(posted->status, 404);
}

TEST_F(ApiTest, ReloadsAndSaysWhatIsWrong) {
    const auto well = client().post("/v1/reload");
    ASSERT_TRUE(well);
    EXPECT_EQ(well->status, 200);
    EXPECT_EQ(client().get("/v1/reload")->status, 404);  // looking changes nothing
    wrong_ = "narrowgate.toml:3:1: no such key";
    const auto badly = client().post("/v1/reload");
    ASSERT_TRUE(badly);
    EXPECT_EQ(badly->status, 422);
    EXPECT_NE(badly->body.find("narrowgate.toml:3:1"), std::string::npos);
}

TEST_F(ApiTest, EventsBringTheStatus) {
    std::string heard;
    const auto response = client().stream("/v1/events", [&](std::string_view piece) {
        heard += piece;
        return heard.find("\n\n") == std::string::npos;
    });
    ASSERT_TRUE(response) << response.error().error.text();
    ASSERT_TRUE(heard.starts_with("event: status\ndata: {")) << heard;
    EXPECT_EQ(json::parse(heard.substr(heard.find('{'),
                                       heard.find('\n', heard.find('{')) - heard.find('{')))["sessions"],
              3);
}

TEST_F(ApiTest, ABusyLoopIsAnAnswer) {
    std::promise<void> held;
    ASSERT_TRUE(loop_->post([until = held.get_future().share()] { until.wait(); }));
    const auto response = client().get("/v1/devices");
    held.set_value();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 503);
    EXPECT_EQ(get("/v1/devices")["devices"].size(), 1U);
}

TEST_F(ApiTest, ServesThePageFromItself) {
    for (const Asset& asset : assets()) {
        const auto response = client().get(std::string(asset.path));
        ASSERT_TRUE(response);
        EXPECT_EQ(response->status, 200);
        EXPECT_TRUE(response->content_type.starts_with(asset.content_type));
        EXPECT_EQ(response->body, asset.text);
        // Nothing from elsewhere, and no markup made of texts.
        EXPECT_EQ(asset.text.find("innerHTML"), std::string_view::npos);
        EXPECT_EQ(asset.text.find("https://"), std::string_view::npos);
    }
    const auto page = client().get("/");
    ASSERT_TRUE(page);
    EXPECT_NE(page->body.find("</html>"), std::string::npos);
    bool has_policy = false;
    for (const auto& [name, value] : page->headers)
        has_policy =
            has_policy || (name == "Content-Security-Policy" && value.starts_with("default-src 'self'"));
    EXPECT_TRUE(has_policy);
}

TEST_F(ApiTest, MetricsArePrometheus) {
    const auto response = client().get("/metrics");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_TRUE(response->content_type.starts_with("text/plain; version=0.0.4"));
    EXPECT_NE(response->body.find("\nnarrowgate_sessions 3\n"), std::string::npos) << response->body;
    EXPECT_NE(response->body.find("narrowgate_handshakes_total{outcome=\"timed_out\",step=\"finished\"} 2\n"),
              std::string::npos);
}

// The request that asks is one of those that are being answered.
TEST_F(ApiTest, MetricsSayHowFullTheApiIs) {
    ASSERT_TRUE(client().stream("/v1/events", [&](std::string_view) {
        const auto response = client().get("/metrics");
        EXPECT_TRUE(response);
        if (!response) return false;
        for (const char* line : {"narrowgate_pool_used{pool=\"http_requests\"} 2",
                                 "narrowgate_pool_capacity{pool=\"http_requests\"} 4",
                                 "narrowgate_pool_used{pool=\"http_streams\"} 1",
                                 "narrowgate_pool_capacity{pool=\"http_streams\"} 2"})
            EXPECT_NE(response->body.find("\n" + std::string(line) + "\n"), std::string::npos) << line;
        return false;
    }));
}

TEST_F(ApiTest, TheHistoryBeginsWithTheStart) {
    const json history = get("/v1/history");
    EXPECT_EQ(history["hour"]["step"], 10);
    EXPECT_EQ(history["day"]["step"], 300);
    EXPECT_TRUE(history["hour"]["points"].is_array());
}

}  // namespace
}  // namespace narrowgate::daemon
