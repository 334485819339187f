// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/store_calls.hpp"

#include <algorithm>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

constexpr std::size_t kDefaultRows = 10;
constexpr std::size_t kMaxRows = 1'000;

json upstream_json(const store::UpstreamStatus& upstream) {
    return {{"name", upstream.name},
            {"waiting_readings", upstream.pending_readings},
            {"waiting_bytes", upstream.pending_bytes},
            {"oldest", time_json(upstream.oldest)},
            {"backlog_full", upstream.backlog_full},
            {"acknowledged", upstream.acknowledged},
            {"dropped", upstream.dropped},
            {"dead_letters", upstream.dead_letters},
            {"returned", upstream.returned}};
}

json reading_json(const store::Uuid& uuid, const store::StoredReading& reading,
                  const std::vector<store::UpstreamStatus>& upstreams) {
    json waits_for = json::array();
    for (const store::UpstreamStatus& upstream : upstreams)
        if ((reading.upstreams & store::mask_of(upstream.id)) != 0) waits_for.push_back(upstream.name);
    return {{"id", store::reading_id(uuid, reading.number)},
            {"device", reading.device},
            {"fleet", reading.fleet},
            {"resource", reading.resource},
            {"content_format", reading.content_format ? json(*reading.content_format) : json(nullptr)},
            {"bytes", reading.payload.size()},
            {"received", to_rfc3339(reading.received)},
            {"upstreams", std::move(waits_for)}};
}

Expected<json> show(store::Store& store, const json& arguments) {
    auto count = count_argument_or(arguments, "count", kDefaultRows);
    if (!count) return std::unexpected(count.error());
    *count = std::min(*count, kMaxRows);
    auto last = store.last_readings(*count);
    if (!last) return std::unexpected(last.error());
    auto letters = store.dead_letters(*count);
    if (!letters) return std::unexpected(letters.error());

    const store::Status status = store.status();
    const store::Uuid uuid = store.uuid();
    json upstreams = json::array();
    for (const store::UpstreamStatus& upstream : status.upstreams)
        upstreams.push_back(upstream_json(upstream));
    json readings = json::array();
    for (const store::StoredReading& reading : *last)
        readings.push_back(reading_json(uuid, reading, status.upstreams));
    json dead = json::array();
    for (const store::DeadLetter& letter : *letters) {
        dead.push_back({{"upstream", letter.upstream},
                        {"at", to_rfc3339(letter.at)},
                        {"reason", letter.reason},
                        {"reading", reading_json(uuid, letter.reading, {})}});
    }
    return json{{"uuid", uuid.text()},
                {"sessions", status.sessions},
                {"devices", status.devices},
                {"credentials", status.credentials},
                {"next_reading", status.head},
                {"readings_waiting", status.readings_waiting},
                {"bytes_waiting", status.live_bytes},
                {"max_size", status.max_size},
                {"oldest", time_json(status.oldest)},
                {"retained_readings", status.retained_readings},
                {"retained_bytes", status.retained_bytes},
                {"retained_since", time_json(status.retained_since)},
                {"full", status.full},
                {"disk_full", status.disk_full},
                {"over_age", status.over_age},
                {"bad_rows", status.bad_rows},
                {"dead_letters_dropped", status.dead_letters_dropped},
                {"upstreams", std::move(upstreams)},
                {"last", std::move(readings)},
                {"dead_letters", std::move(dead)}};
}

}  // namespace

void add_store_calls(ControlCalls& calls, store::Store& store) {
    calls.add("store.show", [&store](json& arguments) { return show(store, arguments); });
}

}  // namespace narrowgate::daemon
