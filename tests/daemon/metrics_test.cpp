// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/metrics.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace narrowgate::daemon {
namespace {

// One of everything.
GatewayStatus full_status() {
    GatewayStatus status;
    status.now = WallTime(seconds(1'000'000));
    status.uplink.fates["bad_mac"] = 4;
    status.measures.handshakes[{"established", "commit"}] = 9;
    status.measures.answers[0x44] = 12;
    status.measures.answer_times.add(700);
    status.measures.answer_times.add(2'000'000);
    status.measures.sessions_ended["close_notify"] = 1;
    status.measures.commit_times.add(8'000);
    status.measures.fsync_times.add(7'000);
    status.measures.pools["handshakes"] = {.used = 900, .capacity = 1'024};
    status.measures.pools["http_streams"] = {.used = 1, .capacity = 4};
    UpstreamState upstream;
    upstream.name = "aws";
    upstream.oldest = WallTime(seconds(999'970));
    upstream.answers[mqtt::ReasonCode::kQuotaExceeded] = 5;
    upstream.certificate_expires = WallTime(seconds(2'000'000));
    status.upstreams.push_back(upstream);
    FleetState fleet;
    fleet.name = "water-meters";
    fleet.devices = 120;
    fleet.silent = 3;
    fleet.fell_together = true;
    fleet.since_start = {.readings = 50, .datagrams = 100, .bytes_up = 4'000, .bytes_down = 900};
    status.fleets.push_back(fleet);
    return status;
}

std::string page() {
    return metrics_of(full_status(), {.cpu_seconds = 1.5, .resident_bytes = 4096, .open_descriptors = 12});
}

bool has(const std::string& line) {
    return ("\n" + page()).find("\n" + line + "\n") != std::string::npos;
}

TEST(MetricsTest, SayWhatTheStatusKnows) {
    EXPECT_TRUE(has("narrowgate_records_total{fate=\"bad_mac\"} 4"));
    EXPECT_TRUE(has("narrowgate_handshakes_total{outcome=\"established\",step=\"commit\"} 9"));
    EXPECT_TRUE(has("narrowgate_coap_responses_total{code=\"2.04\"} 12"));
    EXPECT_TRUE(has("narrowgate_sessions_ended_total{reason=\"close_notify\"} 1"));
    EXPECT_TRUE(has("narrowgate_upstream_lag_seconds{upstream=\"aws\"} 30"));
    EXPECT_TRUE(has("narrowgate_upstream_pubacks_total{upstream=\"aws\",reason=\"quota exceeded (0x97)\"} 5"))
        << page();
    EXPECT_TRUE(has("narrowgate_upstream_certificate_expiry_timestamp_seconds{upstream=\"aws\"} 2000000"));
    EXPECT_TRUE(has("process_cpu_seconds_total 1.5"));
    EXPECT_TRUE(has("narrowgate_fleet_devices{fleet=\"water-meters\"} 120"));
    EXPECT_TRUE(has("narrowgate_fleet_silent_devices{fleet=\"water-meters\"} 3"));
    EXPECT_TRUE(has("narrowgate_fleet_fell_silent_together{fleet=\"water-meters\"} 1"));
    EXPECT_TRUE(has("narrowgate_fleet_readings_total{fleet=\"water-meters\"} 50"));
    EXPECT_TRUE(has("narrowgate_fleet_bytes_total{fleet=\"water-meters\",direction=\"up\"} 4000"));
    EXPECT_TRUE(has("narrowgate_fleet_bytes_total{fleet=\"water-meters\",direction=\"down\"} 900"));
}

TEST(MetricsTest, DurationsAreInSeconds) {
    EXPECT_TRUE(has("narrowgate_answer_seconds_bucket{le=\"0.0005\"} 0"));
    EXPECT_TRUE(has("narrowgate_answer_seconds_bucket{le=\"0.001\"} 1"));
    EXPECT_TRUE(has("narrowgate_answer_seconds_bucket{le=\"5\"} 2"));
    EXPECT_TRUE(has("narrowgate_answer_seconds_bucket{le=\"+Inf\"} 2"));
    EXPECT_TRUE(has("narrowgate_answer_seconds_sum 2.0007"));
}

TEST(MetricsTest, TheDisksPartOfACommitStandsBesideTheCommit) {
    EXPECT_TRUE(has("narrowgate_store_commit_seconds_sum 0.008"));
    EXPECT_TRUE(has("narrowgate_store_fsync_seconds_sum 0.007"));
    EXPECT_TRUE(has("narrowgate_store_fsync_seconds_bucket{le=\"0.005\"} 0"));
    EXPECT_TRUE(has("narrowgate_store_fsync_seconds_bucket{le=\"0.01\"} 1"));
    EXPECT_TRUE(has("narrowgate_store_fsync_seconds_count 1"));
}

TEST(MetricsTest, APoolHasWhatItHoldsAndWhatItCanHold) {
    EXPECT_TRUE(has("narrowgate_pool_used{pool=\"handshakes\"} 900"));
    EXPECT_TRUE(has("narrowgate_pool_capacity{pool=\"handshakes\"} 1024"));
    EXPECT_TRUE(has("narrowgate_pool_used{pool=\"http_streams\"} 1"));
    EXPECT_TRUE(has("narrowgate_pool_capacity{pool=\"http_streams\"} 4"));
}

std::set<std::string> names_in(const std::string& text, const std::regex& pattern) {
    std::set<std::string> names;
    for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
        names.insert((*match)[1]);
    return names;
}

TEST(MetricsTest, AreThoseOfTheirPage) {
    std::ifstream file(NARROWGATE_SOURCE_DIRECTORY "/docs/metrics.md");
    ASSERT_TRUE(file);
    std::stringstream text;
    text << file.rdbuf();
    const auto documented = names_in(text.str(), std::regex("\n\\| `([a-z_]+)`"));
    const auto shown = names_in(page(), std::regex("# TYPE ([a-z_]+) "));
    EXPECT_EQ(documented, shown);
    for (const std::string& name : shown)
        EXPECT_TRUE(name.starts_with("narrowgate_") || name.starts_with("process_")) << name;
}

TEST(MetricsTest, TheProcessHasFigures) {
    const ProcessFigures figures = process_figures();
    EXPECT_GT(figures.cpu_seconds, 0);
    EXPECT_GT(figures.resident_bytes, 1024 * 1024);
    EXPECT_GT(figures.open_descriptors, 2);
}

}  // namespace
}  // namespace narrowgate::daemon
