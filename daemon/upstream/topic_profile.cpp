// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "narrowgate/payload/batch.hpp"
#include "narrowgate/payload/envelope.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::string_view kContentType = "application/json";
// A row of a batch before one has been seen.
constexpr std::size_t kFirstRowBytes = 64;

payload::Reading rendered(const Reading& reading) {
    return {.id = reading.id,
            .device = reading.device,
            .fleet = reading.fleet,
            .resource = reading.resource,
            .received = reading.received,
            .content_format = reading.content_format,
            .payload = reading.payload};
}

// What makes readings go to one topic: its template, and what fills those of its blanks that it has.
using Key = std::tuple<const TopicTemplate*, std::string_view, std::string_view, std::string_view>;

Key key_of(const TopicTemplate& topic, const Reading& reading) {
    return {&topic, topic.has_fleet() ? std::string_view(reading.fleet) : std::string_view(),
            topic.has_device() ? std::string_view(reading.device) : std::string_view(),
            topic.has_resource() ? std::string_view(reading.resource) : std::string_view()};
}

class TopicProfile final : public Profile {
public:
    explicit TopicProfile(const TopicProfileOptions& options) : options_(options) {}

    Parcel next(std::span<const Reading> waiting, const Routes& routes, WallTime now) override {
        known_topic_.reset();  // of another call's routes
        const Reading& first = waiting.front();
        const TopicTemplate* topic = find(routes, first);
        if (topic == nullptr) {
            return {.places = {0},
                    .reason = fmt::format("fleet {} has no route of {} to this upstream any more",
                                          first.fleet, first.resource)};
        }
        if (options_.batch_bytes == 0) return one(first, *topic, routes);
        // The oldest comes first: while it may wait, so may all others, unless some fill a batch already.
        const auto age = now - first.received;
        const bool may_wait = age >= age.zero() && age < options_.batch_delay;
        auto places = company_of(0, waiting, routes);
        if (may_wait && !fills_a_batch(places.size())) {
            places = first_full(waiting, routes);
            if (places.empty()) {
                return {.wait = std::chrono::ceil<std::chrono::microseconds>(options_.batch_delay - age)};
            }
        }
        return batch_of(std::move(places), waiting, routes);
    }

private:
    const TopicTemplate* find(const Routes& routes, const Reading& reading) {
        if (!known_topic_ || known_fleet_ != reading.fleet || known_resource_ != reading.resource) {
            known_fleet_ = reading.fleet;
            known_resource_ = reading.resource;
            known_topic_ = routes.find(reading.fleet, reading.resource);
        }
        return *known_topic_;
    }

    bool fills_a_batch(std::size_t rows) const { return rows * row_bytes_ >= options_.batch_bytes; }

    // The readings that go to the same topic as the one at `place`, itself and later ones, until a batch is
    // full.
    std::vector<std::size_t> company_of(std::size_t place, std::span<const Reading> waiting,
                                        const Routes& routes) {
        const Key key = key_of(*find(routes, waiting[place]), waiting[place]);
        std::vector<std::size_t> places;
        // As many again as are likely to fit: rows differ.
        const std::size_t enough = 2 * (options_.batch_bytes / row_bytes_ + 1);
        for (; place < waiting.size() && places.size() < enough; ++place) {
            const TopicTemplate* topic = find(routes, waiting[place]);
            if (topic != nullptr && key_of(*topic, waiting[place]) == key) places.push_back(place);
        }
        return places;
    }

    // Of all readings of one topic that fill a batch, those that do so first; none when there are none.
    std::vector<std::size_t> first_full(std::span<const Reading> waiting, const Routes& routes) {
        if (!fills_a_batch(waiting.size())) return {};
        std::map<Key, std::size_t> counts;
        for (std::size_t place = 0; place < waiting.size(); ++place) {
            const TopicTemplate* topic = find(routes, waiting[place]);
            if (topic == nullptr) continue;
            const auto [count, is_new] = counts.try_emplace(key_of(*topic, waiting[place]), 0);
            if (!fills_a_batch(++count->second)) continue;
            const auto same = std::ranges::find_if(waiting, [&](const Reading& reading) {
                const TopicTemplate* other = find(routes, reading);
                return other != nullptr && key_of(*other, reading) == count->first;
            });
            return company_of(static_cast<std::size_t>(same - waiting.begin()), waiting, routes);
        }
        return {};
    }

    Parcel batch_of(std::vector<std::size_t>&& places, std::span<const Reading> waiting,
                    const Routes& routes) {
        const Reading& first = waiting[places.front()];
        Parcel parcel{.places = {places.front()}};
        mqtt::Publish publish;
        publish.topic = topic_of(first, *find(routes, first), routes);
        if (auto reason = beyond_limits(publish.topic, options_.topics)) {
            parcel.reason = *std::move(reason);
            return parcel;
        }
        publish.content_type = kContentType;
        const std::size_t around = publish.topic.size() + publish.content_type.size();
        payload::Batch batch(routes.gateway(), options_.batch_bytes - std::min(options_.batch_bytes, around));
        std::size_t taken = 0;
        while (taken < places.size() && batch.add(rendered(waiting[places[taken]])))
            ++taken;
        row_bytes_ = std::max<std::size_t>(batch.bytes() / batch.rows(), 1);
        publish.payload = batch.finish();
        if (publish.payload.size() > options_.max_payload_bytes) {
            parcel.reason = too_large(publish.payload.size());
            return parcel;
        }
        places.resize(taken);
        parcel.places = std::move(places);
        parcel.publish = std::move(publish);
        return parcel;
    }

    Parcel one(const Reading& reading, const TopicTemplate& topic, const Routes& routes) const {
        Parcel parcel{.places = {0}};
        mqtt::Publish publish;
        publish.topic = topic_of(reading, topic, routes);
        if (auto reason = beyond_limits(publish.topic, options_.topics)) {
            parcel.reason = *std::move(reason);
            return parcel;
        }
        publish.payload = payload::render_envelope(rendered(reading));
        if (publish.payload.size() > options_.max_payload_bytes) {
            parcel.reason = too_large(publish.payload.size());
            return parcel;
        }
        publish.content_type = kContentType;
        parcel.publish = std::move(publish);
        return parcel;
    }

    static std::string topic_of(const Reading& reading, const TopicTemplate& topic, const Routes& routes) {
        return topic.fill({.fleet = reading.fleet,
                           .device = reading.device,
                           .resource = reading.resource,
                           .gateway = routes.gateway()});
    }

    std::string too_large(std::size_t bytes) const {
        return fmt::format("a payload of {} bytes, and the broker takes {}", bytes,
                           options_.max_payload_bytes);
    }

    const TopicProfileOptions options_;
    std::size_t row_bytes_ = kFirstRowBytes;  // of the last batch, on average

    // Readings of one resource come in runs. Valid during one call of next().
    std::optional<const TopicTemplate*> known_topic_;
    std::string known_fleet_;
    std::string known_resource_;
};

}  // namespace

std::unique_ptr<Profile> topic_profile(const TopicProfileOptions& options) {
    return std::make_unique<TopicProfile>(options);
}

}  // namespace narrowgate::daemon
