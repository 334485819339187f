// SPDX-License-Identifier: Apache-2.0
//
// The facade's calls about figures of devices, and how often devices report.
#include <utility>

#include "figures_table.hpp"
#include "store_impl.hpp"

namespace narrowgate::store {

Expected<std::string> Store::set_report_interval(std::string_view identity_or_name,
                                                 std::optional<seconds> interval, std::string_view actor) {
    return impl_->change_devices(
        actor,
        [&](DeviceTable& devices, const auto& by) {
            return devices.set_report_interval(identity_or_name, interval, by);
        },
        [](const std::string&) { return std::optional(std::vector<CredentialId>{}); });
}

bool Store::change_figures(FiguresChange change) {
    return impl_->writer.post([this, change = std::move(change)] {
        Expected<void> written;
        try {
            Database& database = impl_->engine->database();
            Transaction transaction(database);
            FiguresTable(database).apply(change);
            transaction.commit();
        } catch (const SqlFault& fault) {
            written = std::unexpected(fault.error(impl_->engine->file()));
        }
        if (change.done) change.done(std::move(written));
    });
}

Expected<Bytes> Store::figures_of(std::string_view device) {
    return impl_->on_snapshot(
        [&](Snapshot& snapshot) -> Expected<Bytes> { return FiguresTable(snapshot.database).read(device); });
}

Expected<std::unique_ptr<FiguresReader>> Store::figures_reader() {
    const auto& engine = *impl_->engine;
    try {
        return std::make_unique<FiguresTableReader>(engine.file(), engine.options().file_layer);
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(engine.file()));
    }
}

}  // namespace narrowgate::store
