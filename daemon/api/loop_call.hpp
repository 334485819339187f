// SPDX-License-Identifier: Apache-2.0
//
// From a pool's thread into the loop that owns what is asked for, and back.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/io/event_loop.hpp"

namespace narrowgate::daemon {

// Runs `call` in the loop's thread and waits for what it returns. Nothing when the loop is too busy for
// `patience`, or has ended; `call` may then still run, so that all it refers to must live as long as the loop
// turns. Thread: any but the loop's.
template <class T>
std::optional<T> call_in_loop(io::EventLoop& loop, std::function<T()> call, milliseconds patience) {
    auto result = std::make_shared<std::promise<T>>();
    auto answer = result->get_future();
    if (!loop.post([result, call = std::move(call)] { result->set_value(call()); })) return std::nullopt;
    if (answer.wait_for(patience) != std::future_status::ready) return std::nullopt;
    return answer.get();
}

}  // namespace narrowgate::daemon
