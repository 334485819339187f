// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/ops/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>

namespace narrowgate::ops {
namespace {

prometheus::MetricType type_of(MetricKind kind) {
    switch (kind) {
        case MetricKind::kCounter:
            return prometheus::MetricType::Counter;
        case MetricKind::kGauge:
            return prometheus::MetricType::Gauge;
        case MetricKind::kHistogram:
            return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

}  // namespace

struct MetricsPage::Impl {
    prometheus::ClientMetric& add(MetricLabels&& labels) {
        prometheus::ClientMetric& metric = families.back().metric.emplace_back();
        for (auto& [name, value] : labels)
            metric.label.push_back({std::move(name), std::move(value)});
        return metric;
    }

    std::vector<prometheus::MetricFamily> families;
};

MetricsPage::MetricsPage() : impl_(std::make_unique<Impl>()) {}
MetricsPage::~MetricsPage() = default;
MetricsPage::MetricsPage(MetricsPage&&) noexcept = default;
MetricsPage& MetricsPage::operator=(MetricsPage&&) noexcept = default;

void MetricsPage::family(std::string name, std::string help, MetricKind kind) {
    prometheus::MetricFamily& family = impl_->families.emplace_back();
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = type_of(kind);
}

void MetricsPage::sample(double value, MetricLabels labels) {
    prometheus::ClientMetric& metric = impl_->add(std::move(labels));
    if (impl_->families.back().type == prometheus::MetricType::Counter) {
        metric.counter.value = value;
    } else {
        metric.gauge.value = value;
    }
}

void MetricsPage::histogram(const HistogramView& view, MetricLabels labels) {
    prometheus::ClientMetric::Histogram& histogram = impl_->add(std::move(labels)).histogram;
    for (std::size_t i = 0; i < view.counts.size(); ++i) {
        histogram.sample_count += view.counts[i];
        const double bound =
            i < view.bounds.size() ? view.bounds[i] : std::numeric_limits<double>::infinity();
        histogram.bucket.push_back({.cumulative_count = histogram.sample_count, .upper_bound = bound});
    }
    histogram.sample_sum = view.sum;
}

std::string MetricsPage::text() const {
    return prometheus::TextSerializer().Serialize(impl_->families);
}

}  // namespace narrowgate::ops
