// SPDX-License-Identifier: Apache-2.0
//
// One page of metrics in Prometheus's text format, gathered anew for each look: the gateway's own counters
// are the only ones there are.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace narrowgate::ops {

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Of values that were observed, by their size.
struct HistogramView {
    std::span<const double> bounds;         // upper ones, ascending
    std::span<const std::uint64_t> counts;  // one more than bounds: the last is of what is above all
    double sum = 0;
};

// Thread: one.
class MetricsPage {
public:
    MetricsPage();
    ~MetricsPage();
    MetricsPage(MetricsPage&&) noexcept;
    MetricsPage& operator=(MetricsPage&&) noexcept;

    // What follows is of this family. Counters' names end in _total, others' in their unit.
    void family(std::string name, std::string help, MetricKind kind);
    void sample(double value, MetricLabels labels = {});
    void histogram(const HistogramView& view, MetricLabels labels = {});

    // text/plain; version=0.0.4
    std::string text() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace narrowgate::ops
