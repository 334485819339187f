// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/ops/metrics.hpp"

#include <gtest/gtest.h>

#include <array>

namespace narrowgate::ops {
namespace {

TEST(MetricsPageTest, WritesEachFamilyWithItsHelpAndType) {
    MetricsPage page;
    page.family("narrowgate_readings_total", "Readings that were acknowledged.", MetricKind::kCounter);
    page.sample(3);
    page.family("narrowgate_upstream_lag_seconds", "Age of the oldest reading that waits.",
                MetricKind::kGauge);
    page.sample(1.5, {{"upstream", "aws"}});
    page.sample(0, {{"upstream", "pelion"}});
    EXPECT_EQ(page.text(),
              "# HELP narrowgate_readings_total Readings that were acknowledged.\n"
              "# TYPE narrowgate_readings_total counter\n"
              "narrowgate_readings_total 3\n"
              "# HELP narrowgate_upstream_lag_seconds Age of the oldest reading that waits.\n"
              "# TYPE narrowgate_upstream_lag_seconds gauge\n"
              "narrowgate_upstream_lag_seconds{upstream=\"aws\"} 1.5\n"
              "narrowgate_upstream_lag_seconds{upstream=\"pelion\"} 0\n");
}

TEST(MetricsPageTest, EscapesWhatALabelHolds) {
    MetricsPage page;
    page.family("a_total", "b", MetricKind::kCounter);
    page.sample(1, {{"name", "quote \" slash \\ line\n"}});
    EXPECT_NE(page.text().find("a_total{name=\"quote \\\" slash \\\\ line\\n\"} 1"), std::string::npos)
        << page.text();
}

TEST(MetricsPageTest, AHistogramCountsUpwards) {
    constexpr std::array bounds{0.01, 0.1};
    constexpr std::array<std::uint64_t, 3> counts{5, 2, 1};
    MetricsPage page;
    page.family("ack_seconds", "How long.", MetricKind::kHistogram);
    page.histogram({.bounds = bounds, .counts = counts, .sum = 0.75});
    EXPECT_EQ(page.text(),
              "# HELP ack_seconds How long.\n"
              "# TYPE ack_seconds histogram\n"
              "ack_seconds_count 8\n"
              "ack_seconds_sum 0.75\n"
              "ack_seconds_bucket{le=\"0.01\"} 5\n"
              "ack_seconds_bucket{le=\"0.1\"} 7\n"
              "ack_seconds_bucket{le=\"+Inf\"} 8\n");
}

}  // namespace
}  // namespace narrowgate::ops
