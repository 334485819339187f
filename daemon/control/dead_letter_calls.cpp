// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/dead_letter_calls.hpp"

#include <algorithm>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

constexpr std::size_t kDefaultLetters = 100;
constexpr std::size_t kMaxLetters = 100'000;

Expected<json> list_letters(store::Store& store, const json& arguments) {
    const auto upstream = text_argument_or(arguments, "upstream", "");
    if (!upstream) return std::unexpected(upstream.error());
    const auto count = count_argument_or(arguments, "count", kDefaultLetters);
    if (!count) return std::unexpected(count.error());
    const auto letters = store.dead_letters(std::min(*count, kMaxLetters), *upstream);
    if (!letters) return std::unexpected(letters.error());
    const store::Uuid uuid = store.uuid();
    json all = json::array();
    for (const store::DeadLetter& letter : *letters) {
        const store::StoredReading& reading = letter.reading;
        all.push_back({{"id", letter.id},
                       {"upstream", letter.upstream},
                       {"at", to_rfc3339(letter.at)},
                       {"reason", letter.reason},
                       {"retried", letter.retried ? json(to_rfc3339(*letter.retried)) : json(nullptr)},
                       {"reading",
                        {{"id", store::reading_id(uuid, reading.number)},
                         {"device", reading.device},
                         {"fleet", reading.fleet},
                         {"resource", reading.resource},
                         {"bytes", reading.payload.size()},
                         {"received", to_rfc3339(reading.received)}}}});
    }
    return json{{"letters", std::move(all)}};
}

// Nothing is chosen by leaving something out: one letter by its id, or "all".
Expected<store::DeadLetterChoice> letters_chosen(const json& arguments) {
    store::DeadLetterChoice choice;
    auto upstream = text_argument_or(arguments, "upstream", "");
    if (!upstream) return std::unexpected(upstream.error());
    choice.upstream = *std::move(upstream);
    const auto all = flag_argument_or(arguments, "all", false);
    if (!all) return std::unexpected(all.error());
    if (arguments.contains("id")) {
        const auto id = count_argument_or(arguments, "id", 0);
        if (!id) return std::unexpected(id.error());
        choice.id = *id;
    }
    if (*all == choice.id.has_value())
        return failure("which dead letters are meant is not said", "name one by its id, or say that all are");
    return choice;
}

using Change = Expected<std::size_t> (store::Store::*)(const store::DeadLetterChoice&, std::string_view);

Expected<json> change(store::Store& store, Change how, const json& arguments, const Caller& caller) {
    const auto choice = letters_chosen(arguments);
    if (!choice) return std::unexpected(choice.error());
    const auto readings = (store.*how)(*choice, caller.name);
    if (!readings) return std::unexpected(readings.error());
    return json{{"readings", *readings}};
}

}  // namespace

void add_dead_letter_calls(ControlCalls& calls, store::Store& store) {
    calls.add("dead_letters.list", [&store](json& arguments) { return list_letters(store, arguments); });
    calls.add("dead_letters.retry", [&store](json& arguments, const Caller& caller) {
        return change(store, &store::Store::retry_dead_letters, arguments, caller);
    });
    calls.add("dead_letters.drop", [&store](json& arguments, const Caller& caller) {
        return change(store, &store::Store::drop_dead_letters, arguments, caller);
    });
}

}  // namespace narrowgate::daemon
