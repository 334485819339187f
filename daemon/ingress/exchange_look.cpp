// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/exchange_look.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/ingress/shard_answers.hpp"

namespace narrowgate::daemon {

std::optional<std::vector<DeviceExchange>> look_at_exchanges(
    const Shards& shards, const Clock& clock, const std::vector<store::CredentialId>& credentials,
    std::size_t count, milliseconds patience) {
    using Exchanges = std::vector<DeviceExchange>;
    auto answers =
        ask_shards<Exchanges>(shards, clock, patience, [credentials, count](const Ingress& ingress) {
            return ingress.exchanges().last_of(credentials, count);
        });
    if (!answers) return std::nullopt;
    Exchanges all;
    for (Exchanges& its : *answers)
        std::ranges::move(its, std::back_inserter(all));
    std::ranges::stable_sort(all, std::ranges::greater(), &DeviceExchange::arrived);
    if (all.size() > count) all.resize(count);
    const Now now = clock.now();
    for (DeviceExchange& exchange : all) {
        exchange.at =
            now.wall - std::chrono::duration_cast<std::chrono::microseconds>(now.steady - exchange.arrived);
    }
    return all;
}

}  // namespace narrowgate::daemon
