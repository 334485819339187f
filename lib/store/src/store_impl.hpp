// SPDX-License-Identifier: Apache-2.0
//
// What stands behind the facade: the engine, its writer, and how calls reach the one or go round the other.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "narrowgate/store/store.hpp"
#include "writer.hpp"

namespace narrowgate::store {

inline Error stopping() {
    return {"the store is stopping", "start the gateway again"};
}

// A view of the last commit on the caller's own connection: long lists do not hold up the writer.
struct Snapshot {
    explicit Snapshot(const Engine& engine)
        : database(engine.file(), engine.options().file_layer, true), meta(database) {}

    Database database;
    Meta meta;
};

struct Store::Impl {
    explicit Impl(std::unique_ptr<Engine> opened) : engine(std::move(opened)), writer(*engine) {}

    // Has the writer call `action(engine)` between two commits, and waits for its result.
    template <class F>
    std::invoke_result_t<F, Engine&> on_writer(F action) {
        std::promise<std::invoke_result_t<F, Engine&>> promise;
        auto result = promise.get_future();
        const bool posted = writer.post([&] {
            try {
                promise.set_value(action(*engine));
            } catch (const SqlFault& fault) {
                promise.set_value(std::unexpected(fault.error(engine->file())));
            }
        });
        if (!posted) return std::unexpected(stopping());
        return result.get();
    }

    // Calls `action(snapshot)` on the caller's thread.
    template <class F>
    std::invoke_result_t<F, Snapshot&> on_snapshot(F action) const {
        try {
            Snapshot snapshot(*engine);
            return action(snapshot);
        } catch (const SqlFault& fault) {
            return std::unexpected(fault.error(engine->file()));
        }
    }

    // Has `change(devices)` make its changes, and the sessions of the credentials that `ended(result)` names
    // end in the same commit.
    template <class Change, class Ended>
    auto change_devices(std::string_view actor, Change change, Ended ended) {
        using Result = std::invoke_result_t<Change, DeviceTable&, const DeviceTable::By&>;
        return on_writer([&](Engine& opened) -> Result {
            Transaction transaction(opened.database());
            Result result = change(opened.devices(), DeviceTable::By{actor, opened.clock().now().wall});
            if (!result) return result;
            const std::optional<std::vector<CredentialId>> credentials = ended(*result);
            if (!credentials) return result;  // rolled back
            opened.end_sessions_of(*credentials);
            transaction.commit();
            opened.finish_ending(*credentials);
            opened.update_counts();
            return result;
        });
    }

    std::unique_ptr<Engine> engine;
    Writer writer;
};

}  // namespace narrowgate::store
