// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "engine.hpp"

namespace narrowgate::store {

// Opens the store, has `action(engine)` do its work, closes the store. Faults become errors.
template <class F>
auto with_engine(const Options& options, Log& log, const Clock& clock, F action)
    -> decltype(action(std::declval<Engine&>())) {
    auto engine = Engine::open(options, log, clock);
    if (!engine) return std::unexpected(engine.error());
    try {
        auto result = action(**engine);
        (*engine)->close();
        return result;
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error((*engine)->file()));
    }
}

// A transaction whose changes to sessions are folded as it goes. When `action()` fails or throws, none of
// them has been made: not in the tables, and not in memory, from where they would reach the tables later.
template <class F>
auto change_sessions(Engine& engine, F action) -> decltype(action()) {
    const auto count = engine.sessions().count();
    try {
        Transaction transaction(engine.database());
        auto result = action();
        if (result) {
            transaction.commit();
        } else {
            engine.sessions().abandon(count);
        }
        return result;
    } catch (const SqlFault&) {
        engine.sessions().abandon(count);
        throw;
    }
}

}  // namespace narrowgate::store
