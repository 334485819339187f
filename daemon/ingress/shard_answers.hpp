// SPDX-License-Identifier: Apache-2.0
//
// One question to every shard, for whoever looks from outside.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/ingress/shards.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// What `look` finds in each shard, in their order; it is called in the shards' threads, and holds nothing of
// the caller's. Nothing when one does not answer within `patience`. Thread: any but a shard's.
template <class Answer>
std::optional<std::vector<Answer>> ask_shards(const Shards& shards, const Clock& clock, milliseconds patience,
                                              const std::function<Answer(const Ingress&)>& look) {
    std::vector<std::future<Answer>> coming;
    for (const auto& shard : shards.all()) {
        auto promise = std::make_shared<std::promise<Answer>>();
        coming.push_back(promise->get_future());
        const bool asked =
            shard->ask([promise, look](const Ingress& ingress) { promise->set_value(look(ingress)); });
        if (!asked) return std::nullopt;
    }
    const SteadyTime deadline = clock.now().steady + patience;
    std::vector<Answer> answers;
    answers.reserve(coming.size());
    for (std::future<Answer>& answer : coming) {
        if (answer.wait_until(deadline) != std::future_status::ready) return std::nullopt;
        answers.push_back(answer.get());
    }
    return answers;
}

}  // namespace narrowgate::daemon
