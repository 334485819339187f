// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "daemon/upstream/rendered.hpp"
#include "daemon/upstream/shadows.hpp"
#include "narrowgate/payload/batch.hpp"
#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/gzip.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::string_view kContentType = "application/json";
// With the suffix that RFC 6838 section 4.2.8 provides for, as registered for gzip.
constexpr std::string_view kGzipContentType = "application/json+gzip";
// What a batch may be before it is compressed: consumers unpack it in memory.
constexpr std::size_t kMostUnpackedBytes = std::size_t{128} * 1024;
// Aimed at below what the last batch's ratio allows: batches differ.
constexpr double kRatioMargin = 0.93;
// A row of a batch before one has been seen.
constexpr std::size_t kFirstRowBytes = 64;

// What makes readings go to one topic: its template, and what fills those of its blanks that it has.
using Key = std::tuple<const Destination*, std::string_view, std::string_view, std::string_view>;

Key key_of(const Destination& destination, const Reading& reading) {
    const TopicTemplate& topic = destination.topic;
    return {&destination, topic.has_fleet() ? std::string_view(reading.fleet) : std::string_view(),
            topic.has_device() ? std::string_view(reading.device) : std::string_view(),
            topic.has_resource() ? std::string_view(reading.resource) : std::string_view()};
}

class TopicProfile final : public Profile {
public:
    explicit TopicProfile(const TopicProfileOptions& options) : options_(options) {}

    void set_most_bytes(std::optional<std::size_t> bytes) override {
        most_bytes_ = bytes.value_or(std::numeric_limits<std::size_t>::max());
    }

    Parcel next(std::span<const Reading> waiting, const Routes& routes, WallTime now) override {
        known_topic_.reset();  // of another call's routes
        const Reading& first = waiting.front();
        const Destination* destination = find(routes, first);
        if (destination == nullptr) {
            return {.places = {0},
                    .reason = fmt::format("fleet {} has no route of {} to this upstream any more",
                                          first.fleet, first.resource)};
        }
        if (destination->is_shadow) return shadow_update(waiting, *destination, routes);
        if (options_.batch_bytes == 0) return one(first, destination->topic, routes);
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
    const Destination* find(const Routes& routes, const Reading& reading) {
        if (!known_topic_ || known_fleet_ != reading.fleet || known_resource_ != reading.resource) {
            known_fleet_ = reading.fleet;
            known_resource_ = reading.resource;
            known_topic_ = routes.find(reading.fleet, reading.resource);
        }
        return *known_topic_;
    }

    // All that waits for the shadow of the first one's device.
    Parcel shadow_update(std::span<const Reading> waiting, const Destination& destination,
                         const Routes& routes) {
        const Key key = key_of(destination, waiting.front());
        std::vector<std::size_t> places;
        for (std::size_t place = 0; place < waiting.size(); ++place) {
            const Destination* other = find(routes, waiting[place]);
            if (other != nullptr && key_of(*other, waiting[place]) == key) places.push_back(place);
        }
        return shadows_.next(waiting, places, topic_of(waiting.front(), destination.topic, routes));
    }

    // Of one message: batches that fill it.
    std::size_t most_batches() const {
        return std::max<std::size_t>(options_.largest_batch_bytes / options_.batch_bytes, 1);
    }
    // Of what is sent, when as many batches go in one message.
    std::size_t message_bytes(std::size_t batches) const {
        return std::min(batches * options_.batch_bytes, most_bytes_);
    }
    // Of JSON, that are likely to become a message of that size.
    std::size_t unpacked_bytes(std::size_t batches) const {
        const std::size_t bytes = message_bytes(batches);
        if (!options_.gzip) return bytes;
        const double aim = static_cast<double>(bytes) * ratio_ * kRatioMargin;
        return std::clamp(static_cast<std::size_t>(aim), bytes, std::max(kMostUnpackedBytes, bytes));
    }
    bool fills_a_batch(std::size_t rows) const { return rows * row_bytes_ >= unpacked_bytes(1); }
    // That so many readings are likely to fill; never part of one, which would be metered as a whole.
    std::size_t batches_of(std::size_t rows) const {
        std::size_t batches = most_batches();
        while (batches > 1 && rows * row_bytes_ < unpacked_bytes(batches))
            --batches;
        return batches;
    }

    // The readings that go to the same topic as the one at `place`, itself and later ones, until a message is
    // full.
    std::vector<std::size_t> company_of(std::size_t place, std::span<const Reading> waiting,
                                        const Routes& routes) {
        const Key key = key_of(*find(routes, waiting[place]), waiting[place]);
        std::vector<std::size_t> places;
        // As many again as are likely to fit: rows differ.
        const std::size_t enough = 2 * (unpacked_bytes(most_batches()) / row_bytes_ + 1);
        for (; place < waiting.size() && places.size() < enough; ++place) {
            const Destination* other = find(routes, waiting[place]);
            if (other != nullptr && key_of(*other, waiting[place]) == key) places.push_back(place);
        }
        return places;
    }

    // Of all readings of one topic that fill a batch, those that do so first; none when there are none.
    std::vector<std::size_t> first_full(std::span<const Reading> waiting, const Routes& routes) {
        if (!fills_a_batch(waiting.size())) return {};
        std::map<Key, std::size_t> counts;
        for (std::size_t place = 0; place < waiting.size(); ++place) {
            const Destination* destination = find(routes, waiting[place]);
            if (destination == nullptr || destination->is_shadow) continue;
            const auto [count, is_new] = counts.try_emplace(key_of(*destination, waiting[place]), 0);
            if (!fills_a_batch(++count->second)) continue;
            const auto same = std::ranges::find_if(waiting, [&](const Reading& reading) {
                const Destination* other = find(routes, reading);
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
        publish.topic = topic_of(first, find(routes, first)->topic, routes);
        if (auto reason = beyond_limits(publish.topic, options_.topics)) {
            parcel.reason = *std::move(reason);
            return parcel;
        }
        publish.content_type = kContentType;
        const std::size_t around =
            publish.topic.size() + std::max(kContentType.size(), kGzipContentType.size());
        const std::size_t batches = batches_of(places.size());
        const std::size_t room = message_bytes(batches) - std::min(message_bytes(batches), around);
        // Compressed larger than there is room for, it is made again with as much less as it was too large.
        for (std::size_t unpacked = unpacked_bytes(batches) - std::min(unpacked_bytes(batches), around);;) {
            payload::Batch batch(routes.gateway(), unpacked);
            std::size_t taken = 0;
            while (taken < places.size() && batch.add(rendered(waiting[places[taken]])))
                ++taken;
            row_bytes_ = std::max<std::size_t>(batch.bytes() / batch.rows(), 1);
            publish.payload = batch.finish();
            const std::size_t before = publish.payload.size();
            compress(publish);
            places.resize(taken);
            if (publish.payload.size() <= room || taken == 1 || before <= room) break;
            unpacked = before * room / publish.payload.size() * 9 / 10;
        }
        if (publish.payload.size() > options_.max_payload_bytes) {
            parcel.reason = too_large(publish.payload.size());
            return parcel;
        }
        parcel.places = std::move(places);
        parcel.publish = std::move(publish);
        return parcel;
    }

    // When that makes it smaller.
    void compress(mqtt::Publish& publish) {
        if (!options_.gzip) return;
        auto packed = payload::gzip(publish.payload);
        if (!packed || packed->empty()) return;
        const double ratio =
            static_cast<double>(publish.payload.size()) / static_cast<double>(packed->size());
        ratio_ = std::max(ratio, 1.0);
        if (packed->size() + (kGzipContentType.size() - kContentType.size()) >= publish.payload.size())
            return;
        publish.payload = *std::move(packed);
        publish.content_type = kGzipContentType;
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
    std::size_t most_bytes_ = std::numeric_limits<std::size_t>::max();
    double ratio_ = 1.0;  // of the last batch: bytes before gzip to bytes after
    Shadows shadows_;

    // Readings of one resource come in runs. Valid during one call of next().
    std::optional<const Destination*> known_topic_;
    std::string known_fleet_;
    std::string known_resource_;
};

}  // namespace

std::unique_ptr<Profile> topic_profile(const TopicProfileOptions& options) {
    return std::make_unique<TopicProfile>(options);
}

}  // namespace narrowgate::daemon
