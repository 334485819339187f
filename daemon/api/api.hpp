// SPDX-License-Identifier: Apache-2.0
//
// What operators and their tools look at over HTTP; docs/api.md has the whole of it.
//
//     GET  /                        the status page
//     GET  /metrics                 for Prometheus
//     GET  /v1/status               as narrowgate status --json, and how handshakes ended
//     GET  /v1/history              rates of the last hour and day (rate_history.hpp)
//     GET  /v1/events               server-sent events: the status, every two seconds
//     GET  /v1/tail?fleet=F&device=D  server-sent events: readings as they are committed (tail.hpp)
//     GET  /v1/devices              device.list of the control protocol
//     GET  /v1/devices/NAME         device.diagnose
//     GET  /v1/devices/silent?count=N&fleet=F   devices.silent; likewise …/costly, and …/slow?count=N
//     GET  /v1/fleets               fleets
//     GET  /v1/sessions             sessions.list
//     GET  /v1/upstreams/NAME       upstream.traces
//     POST /v1/reload               as SIGHUP; over the socket alone
//
// An error is {"error": {"what", "cure"}}. No key is shown anywhere.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/api/rate_history.hpp"
#include "daemon/api/tail.hpp"
#include "daemon/control/calls.hpp"
#include "daemon/status.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/ops/http_server.hpp"

namespace narrowgate::daemon {

// Thread: the main loop's, but for the answers.
class Api {
public:
    // What it shows, all of it the main loop's. All must outlive the API, and the loop must have ended when
    // it goes.
    struct Parts {
        io::EventLoop& loop;
        const ControlCalls& calls;
        std::function<GatewayStatus()> status;
        // Nothing, or what is wrong with the file.
        std::function<std::optional<std::string>()> reload;
        Tail& tail;
    };

    static Expected<std::unique_ptr<Api>> open(const ops::HttpServerOptions& options, Parts parts);
    ~Api();
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;

    std::optional<std::uint16_t> loopback_port() const { return server_->loopback_port(); }

private:
    class Events;

    explicit Api(Parts parts);

    // Of the pool's threads.
    ops::HttpAnswer answer(const ops::HttpRequest& request);
    ops::HttpAnswer get(const std::string& path, const ops::HttpRequest& request);
    ops::HttpAnswer list(const std::string& name, const ops::HttpRequest& request);
    ops::HttpAnswer call(const std::string& name, nlohmann::json arguments);
    ops::HttpAnswer reload();
    ops::HttpAnswer metrics();
    // The status in JSON, not older than kFresh: who watches live shares it with others.
    std::optional<std::string> status_text();

    void take_sample();

    const Parts parts_;
    RateHistory history_;  // the loop's
    io::Source timer_;

    std::mutex mutex_;  // of the following
    std::optional<std::string> last_status_;
    SteadyTime last_status_at_{};

    std::unique_ptr<ops::HttpServer> server_;
};

}  // namespace narrowgate::daemon
