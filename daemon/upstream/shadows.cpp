// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/shadows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/upstream/aws_limits.hpp"
#include "daemon/upstream/aws_topics.hpp"
#include "daemon/upstream/rendered.hpp"

namespace narrowgate::daemon {
namespace {

// One text for a value of a thing; neither a topic nor a key holds a control character.
std::string name_of(const std::string& topic, const ShadowDocument::Key& key) {
    std::string name = topic;
    for (const std::string& level : key) {
        name += '\n';
        name += level;
    }
    return name;
}

}  // namespace

Parcel Shadows::next(std::span<const Reading> waiting, std::span<const std::size_t> places,
                     const std::string& topic) {
    if (!aws::is_thing_name(aws::thing_of(topic))) {
        return {
            .places = {places.front()},
            .reason = fmt::format("\"{}\" is no name of a thing (1 to 128 of A-Z a-z 0-9 : _ -); give the "
                                  "device such a name, or its route a \"thing\" that makes one",
                                  waiting[places.front()].device)};
    }
    Parcel parcel;
    ShadowDocument document;
    std::string payload;
    std::vector<std::pair<std::string, ReadingNumber>> taken;
    for (const std::size_t place : places) {
        const Reading& reading = waiting[place];
        const auto records = payload::records_of(rendered(reading));
        if (!records) {
            if (!parcel.places.empty()) continue;  // it comes to the front, and goes there
            return {.places = {place}, .unwanted = true};
        }
        ShadowDocument with = document;
        std::vector<std::pair<std::string, ReadingNumber>> values;
        for (const payload::Record& record : *records) {
            const auto key = ShadowDocument::key_of(record);
            std::string value = name_of(topic, key);
            if (is_overtaken(value, reading.number)) continue;
            with.set(key, record);
            values.emplace_back(std::move(value), reading.number);
        }
        if (!values.empty()) {
            std::string text = with.render(reading.id);
            if (text.size() > aws::kMaxShadowBytes) {
                if (!parcel.places.empty()) break;
                return {.places = {place},
                        .reason = fmt::format("a shadow update of {} bytes, and AWS IoT Core takes {}",
                                              text.size(), aws::kMaxShadowBytes)};
            }
            document = std::move(with);
            payload = std::move(text);
            std::ranges::move(values, std::back_inserter(taken));
        }
        parcel.places.push_back(place);
    }
    parcel.unwanted = document.empty();
    if (parcel.unwanted) return parcel;
    for (auto& [value, number] : taken)
        know(std::move(value), number);
    parcel.publish =
        mqtt::Publish{.topic = topic, .payload = std::move(payload), .content_type = "application/json"};
    return parcel;
}

bool Shadows::is_overtaken(const std::string& value, ReadingNumber number) const {
    for (const Known* const known : {&young_, &old_}) {
        if (const auto found = known->find(value); found != known->end()) return found->second > number;
    }
    return false;
}

void Shadows::know(std::string&& value, ReadingNumber number) {
    if (young_.size() >= kMostKnown / 2) {
        old_ = std::move(young_);
        young_.clear();
    }
    young_.insert_or_assign(std::move(value), number);
}

}  // namespace narrowgate::daemon
