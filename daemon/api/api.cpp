// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/api.hpp"

#include <algorithm>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "daemon/api/loop_call.hpp"
#include "daemon/api/metrics.hpp"
#include "daemon/api/page.hpp"
#include "daemon/control/look_routes.hpp"
#include "narrowgate/ops/metrics.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ops::HttpAnswer;
using ops::HttpRequest;

// For the main loop, which may be busy with a large import.
constexpr seconds kLoopPatience{5};
constexpr seconds kEventInterval{2};
constexpr seconds kTurn{1};
constexpr milliseconds kFresh{500};

HttpAnswer text(std::string_view type, std::string body, int status = 200) {
    return {{.status = status, .content_type = std::string(type), .body = std::move(body), .headers = {}},
            nullptr};
}

std::string json_line(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

HttpAnswer json_answer(const json& value, int status = 200) {
    return text("application/json", json_line(value), status);
}

HttpAnswer error(int status, std::string_view what, std::string_view cure) {
    return json_answer({{"error", {{"what", what}, {"cure", cure}}}}, status);
}

HttpAnswer busy() {
    HttpAnswer answer = error(503, "the gateway is too busy to answer", "ask again in a moment");
    answer.head.headers.emplace_back("Retry-After", "5");
    return answer;
}

}  // namespace

// The status every kEventInterval, for as long as somebody listens.
class Api::Events final : public ops::HttpStream {
public:
    explicit Events(Api& api) : api_(api) {}

    bool next(std::string& out) override {
        const auto now = std::chrono::steady_clock::now();
        if (now < next_) {
            // Nobody wakes it: the wait is short, and ends a stream in time when the server does.
            std::unique_lock lock(mutex_);
            never_.wait_until(lock, std::min(next_, now + kTurn));
            return true;
        }
        next_ = now + kEventInterval;
        const auto status = api_.status_text();
        out += status ? "event: status\ndata: " + *status + "\n" : std::string(": busy\n\n");
        return true;
    }

private:
    Api& api_;
    SteadyTime next_{};
    std::mutex mutex_;
    std::condition_variable never_;
};

Api::Api(Parts parts) : parts_(std::move(parts)), timer_(parts_.loop.timer([this] { take_sample(); })) {}

Api::~Api() {
    server_.reset();
}

Expected<std::unique_ptr<Api>> Api::open(const ops::HttpServerOptions& options, Parts parts) {
    std::unique_ptr<Api> api(new Api(std::move(parts)));
    api->timer_.arm(api->parts_.loop.now().steady);
    auto server = ops::HttpServer::open(
        options, [&its = *api](const HttpRequest& request) { return its.answer(request); });
    if (!server) return std::unexpected(std::move(server.error()));
    api->server_ = std::move(*server);
    return api;
}

void Api::take_sample() {
    const SteadyTime now = parts_.loop.now().steady;
    history_.add(parts_.status(), now);
    timer_.arm(now + RateHistory::kFine);
}

HttpAnswer Api::answer(const HttpRequest& request) {
    if (request.method == "POST") {
        if (request.path == "/v1/reload") return reload();
    } else if (const Asset* asset = asset_of(request.path)) {
        return text(asset->content_type, std::string(asset->text));
    } else if (request.path == "/metrics") {
        return metrics();
    } else {
        return get(request.path, request);
    }
    return error(404, "there is no " + request.method + " " + request.path,
                 "docs/api.md lists what there is");
}

HttpAnswer Api::get(const std::string& path, const HttpRequest& request) {
    if (path == "/v1/status") {
        auto status = status_text();
        return status ? text("application/json", *std::move(status)) : busy();
    }
    if (path == "/v1/events") {
        HttpAnswer answer = text("text/event-stream", "");
        answer.stream = std::make_unique<Events>(*this);
        return answer;
    }
    if (path == "/v1/tail") {
        const auto wanted = [&](const char* name) {
            const auto found = request.query.find(name);
            return found != request.query.end() ? found->second : std::string();
        };
        HttpAnswer answer = text("text/event-stream", "");
        answer.stream = parts_.tail.watch({.fleet = wanted("fleet"), .device = wanted("device")});
        return answer;
    }
    if (path == "/v1/history") {
        const auto history =
            call_in_loop<json>(parts_.loop, [this] { return history_.to_json(); }, kLoopPatience);
        return history ? json_answer(*history) : busy();
    }
    if (auto look = look_at(path, request.query)) {
        for (const std::string name : {"count", "exchanges"}) {
            const auto number = look->arguments.find(name);
            if (number != look->arguments.end() && !number->is_number())
                return error(400, name + " is no whole number", "write ?" + name + "=20");
        }
        return call(look->call, std::move(look->arguments));
    }
    return error(404, "there is no " + request.method + " " + path, "docs/api.md lists what there is");
}

// ?count=N, and ?fleet=F where there is one.
HttpAnswer Api::call(const std::string& name, json arguments) {
    const auto result = call_in_loop<Expected<json>>(
        parts_.loop,
        [this, name, arguments = std::move(arguments)]() mutable {
            return parts_.calls.call(name, arguments, Caller{.name = "the HTTP API"});
        },
        parts_.call_patience);
    if (!result) return busy();
    if (!*result) return error(404, result->error().what, result->error().cure);
    return json_answer(**result);
}

HttpAnswer Api::reload() {
    const auto wrong = call_in_loop<std::optional<std::string>>(parts_.loop, parts_.reload, kLoopPatience);
    if (!wrong) return busy();
    if (*wrong) return error(422, **wrong, "correct the file; what runs goes on as it was");
    return json_answer({{"reloaded", true}});
}

HttpAnswer Api::metrics() {
    const auto measure = [this] {
        GatewayStatus status = parts_.status();
        const ops::HttpLoad load = server_->load();
        status.measures.pools["http_requests"] = load.requests;
        status.measures.pools["http_streams"] = load.streams;
        return status;
    };
    const auto status = call_in_loop<GatewayStatus>(parts_.loop, measure, kLoopPatience);
    if (!status) return busy();
    return text(ops::kMetricsContentType, metrics_of(*status, process_figures()));
}

std::optional<std::string> Api::status_text() {
    const auto now = std::chrono::steady_clock::now();
    {
        const std::lock_guard lock(mutex_);
        if (last_status_ && now < last_status_at_ + kFresh) return last_status_;
    }
    const auto status = call_in_loop<GatewayStatus>(parts_.loop, parts_.status, kLoopPatience);
    if (!status) return std::nullopt;
    json shown = to_json(*status);
    json& ends = shown["handshake_ends"] = json::array();
    for (const auto& [end, count] : status->measures.handshakes)
        ends.push_back({{"outcome", end.first}, {"step", end.second}, {"count", count}});
    const std::lock_guard lock(mutex_);
    last_status_ = json_line(shown);
    last_status_at_ = now;
    return last_status_;
}

}  // namespace narrowgate::daemon
