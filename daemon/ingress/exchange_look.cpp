// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/exchange_look.hpp"

#include <algorithm>
#include <future>
#include <iterator>
#include <memory>
#include <utility>

namespace narrowgate::daemon {

std::optional<std::vector<DeviceExchange>> look_at_exchanges(
    const Shards& shards, const Clock& clock, const std::vector<store::CredentialId>& credentials,
    std::size_t count, milliseconds patience) {
    std::vector<std::future<std::vector<DeviceExchange>>> answers;
    for (const auto& shard : shards.all()) {
        auto promise = std::make_shared<std::promise<std::vector<DeviceExchange>>>();
        answers.push_back(promise->get_future());
        const bool asked = shard->ask([promise, credentials, count](const Ingress& ingress) {
            promise->set_value(ingress.exchanges().last_of(credentials, count));
        });
        if (!asked) return std::nullopt;
    }
    const SteadyTime deadline = clock.now().steady + patience;
    std::vector<DeviceExchange> all;
    for (std::future<std::vector<DeviceExchange>>& answer : answers) {
        if (answer.wait_until(deadline) != std::future_status::ready) return std::nullopt;
        std::ranges::move(answer.get(), std::back_inserter(all));
    }
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
