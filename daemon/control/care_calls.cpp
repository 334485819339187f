// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/care_calls.hpp"

#include <algorithm>
#include <utility>

#include "daemon/control/care_json.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

constexpr std::size_t kUsualCount = 20;
constexpr std::size_t kMostCount = 1000;

template <class Item>
json list_of(const char* name, const std::vector<Item>& items) {
    json array = json::array();
    for (const Item& item : items)
        array.push_back(to_json(item));
    return {{name, std::move(array)}};
}

Expected<std::size_t> count_of(const json& arguments) {
    const auto count = count_argument_or(arguments, "count", kUsualCount);
    if (!count) return count;
    return std::min(*count, kMostCount);
}

struct Choice {
    std::size_t count;
    std::string fleet;
};

Expected<Choice> choice_of(const json& arguments) {
    const auto count = count_of(arguments);
    if (!count) return std::unexpected(count.error());
    auto fleet = text_argument_or(arguments, "fleet", "");
    if (!fleet) return std::unexpected(std::move(fleet.error()));
    return Choice{*count, *std::move(fleet)};
}

}  // namespace

void add_care_calls(ControlCalls& calls, CareBook& book, std::function<CareTime()> time) {
    calls.add("fleets", [&book, time](json&) -> Expected<json> {
        json shown = list_of("fleets", book.states());
        shown["month"] = to_text(month_of(time().now.wall));
        return shown;
    });
    calls.add("devices.silent", [&book, time](json& arguments) -> Expected<json> {
        const auto choice = choice_of(arguments);
        if (!choice) return std::unexpected(choice.error());
        return list_of("devices", book.silent(choice->count, choice->fleet, time()));
    });
    calls.add("devices.costly", [&book, time](json& arguments) -> Expected<json> {
        const auto choice = choice_of(arguments);
        if (!choice) return std::unexpected(choice.error());
        return list_of("devices", book.costly(choice->count, choice->fleet, time()));
    });
    calls.add("devices.slow", [&book, time](json& arguments) -> Expected<json> {
        const auto count = count_of(arguments);
        if (!count) return std::unexpected(count.error());
        return list_of("devices", book.repeating(*count, time()));
    });
}

}  // namespace narrowgate::daemon
