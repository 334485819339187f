// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "audit_trail.hpp"
#include "credential_reader.hpp"
#include "narrowgate/store/events.hpp"
#include "page_reader.hpp"
#include "session_reader.hpp"
#include "store_impl.hpp"

namespace narrowgate::store {
namespace {

bool is_within_bounds(const Unit& unit) {
    if (unit.open && (unit.open->cid.size() > kMaxCidBytes || unit.open->secret.size() > kMaxSessionSecret)) {
        return false;
    }
    if (unit.reply && unit.reply->reply.size() > kMaxReplyBytes) return false;
    for (const auto& event : unit.events) {
        if (event.device.size() > kMaxNameBytes || event.body.size() > kMaxDeviceEventBytes) return false;
    }
    if (!unit.reading) return true;
    const auto& reading = *unit.reading;
    return reading.device.size() <= kMaxNameBytes && reading.fleet.size() <= kMaxNameBytes &&
           reading.resource.size() <= kMaxNameBytes && reading.payload.size() <= kMaxPayloadBytes;
}

}  // namespace

Expected<std::unique_ptr<Store>> Store::open(const Options& options, Log& log, const Clock& clock) {
    take_pages_one_by_one();
    auto engine = Engine::open(options, log, clock);
    if (!engine) return std::unexpected(engine.error());
    return std::unique_ptr<Store>(new Store(std::make_unique<Impl>(std::move(*engine))));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Store::~Store() {
    stop();
}

void Store::stop() {
    impl_->writer.stop();
}

SinkId Store::add_sink(std::function<void(std::vector<Completion>&&)> sink) {
    return impl_->writer.add_sink(std::move(sink));
}

bool Store::submit(Unit&& unit) {
    if (!is_within_bounds(unit)) std::abort();
    return impl_->writer.submit(std::move(unit));
}

seconds Store::service_time() const {
    return impl_->engine->service_time();
}

Expected<std::unique_ptr<SessionReader>> Store::session_reader(std::function<void(SessionId)> bad) {
    auto& engine = *impl_->engine;
    try {
        return std::make_unique<SessionTableReader>(engine.file(), engine.options().file_layer,
                                                    engine.sealer(),
                                                    [&engine, bad = std::move(bad)](SessionId session) {
                                                        engine.count_bad_session(session);
                                                        bad(session);
                                                    });
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(engine.file()));
    }
}

Expected<std::unique_ptr<CredentialReader>> Store::credential_reader() {
    auto& engine = *impl_->engine;
    try {
        return std::make_unique<CredentialTableReader>(
            engine.file(), engine.options().file_layer, engine.sealer(),
            [&engine](const UnreadableKey& key) { engine.meet_bad_credential(key); });
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(engine.file()));
    }
}

Expected<void> Store::load_sessions(const std::function<void(SessionRow&&)>& take) {
    std::vector<SessionId> bad;
    auto reader = session_reader([&](SessionId session) { bad.push_back(session); });
    if (!reader) return std::unexpected(reader.error());
    for (bool more = true; more;) {
        const auto read = (*reader)->next(1'024, take);
        if (!read) return std::unexpected(read.error());
        more = *read;
    }
    if (bad.empty()) return {};
    impl_->engine->log().write(
        kEvent<"store.sessions_lost">, {},
        "{}: {} stored sessions cannot be opened and are ended: their nodes will shake hands again",
        impl_->engine->file().string(), bad.size());
    return impl_->on_writer([&](Engine& engine) -> Expected<void> {
        Unit unit;
        unit.close = std::move(bad);
        std::vector<Outcome> outcomes;
        engine.commit({&unit, 1}, outcomes);
        engine.keep_up(Engine::Upkeep::kAll, false);
        return {};
    });
}

Expected<void> Store::load_replies(const std::function<void(StoredReply&&)>& take) {
    const auto now = impl_->engine->clock().now().wall;
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<void> {
        ReplyTable replies(snapshot.database, impl_->engine->options().max_reply_bytes);
        impl_->engine->count_bad_rows(replies.load(now, take));
        return {};
    });
}

Expected<CredentialId> Store::add_device(const NewDevice& device, std::string_view actor) {
    return impl_->change_devices(
        actor, [&](DeviceTable& devices, const auto& by) { return devices.add(device, by); },
        [](CredentialId) { return std::optional(std::vector<CredentialId>{}); });
}

Expected<ImportResult> Store::import_devices(std::span<const NewDevice> devices, bool dry_run,
                                             std::string_view actor) {
    return impl_->change_devices(
        actor,
        [&](DeviceTable& table, const auto& by) -> Expected<ImportResult> {
            return table.import(devices, by);
        },
        [&](const ImportResult& result) -> std::optional<std::vector<CredentialId>> {
            if (dry_run || !result.errors.empty()) return std::nullopt;
            return result.revoked;
        });
}

Expected<CredentialRow> Store::rotate_device(std::string_view identity_or_name, Rotation rotation,
                                             std::string_view actor) {
    return impl_->change_devices(
        actor,
        [&](DeviceTable& devices, const auto& by) {
            return devices.rotate(identity_or_name, std::move(rotation), by);
        },
        [](const CredentialRow&) { return std::optional(std::vector<CredentialId>{}); });
}

Expected<std::vector<CredentialId>> Store::revoke_device(std::string_view identity_or_name,
                                                         std::string_view actor) {
    return impl_->change_devices(
        actor, [&](DeviceTable& devices, const auto& by) { return devices.revoke(identity_or_name, by); },
        [](const std::vector<CredentialId>& revoked) { return std::optional(revoked); });
}

Expected<CredentialId> Store::revoke_credential(std::string_view identity, std::string_view actor) {
    return impl_->change_devices(
        actor, [&](DeviceTable& devices, const auto& by) { return devices.revoke_credential(identity, by); },
        [](CredentialId revoked) { return std::optional(std::vector{revoked}); });
}

Expected<std::vector<DeviceEvent>> Store::device_events(std::string_view device, std::size_t count) {
    return impl_->on_writer([&](Engine& engine) -> Expected<std::vector<DeviceEvent>> {
        return engine.past().newest(device, count);
    });
}

Expected<std::vector<AuditEntry>> Store::audit(std::size_t count) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<AuditEntry>> {
        return AuditTrail(snapshot.database).newest(count);
    });
}

Expected<std::vector<Device>> Store::devices(std::string_view after, std::size_t count) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<Device>> {
        return DeviceTable(snapshot.database, impl_->engine->sealer(), snapshot.meta).list(after, count);
    });
}

Expected<std::optional<Device>> Store::find_device(std::string_view identity_or_name) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::optional<Device>> {
        return DeviceTable(snapshot.database, impl_->engine->sealer(), snapshot.meta).find(identity_or_name);
    });
}

Expected<void> Store::load_credentials(const std::function<void(CredentialRow&&)>& take) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<void> {
        const auto bad = DeviceTable(snapshot.database, impl_->engine->sealer(), snapshot.meta).load(take);
        for (const auto& key : bad)
            impl_->engine->meet_bad_credential(key);
        return {};
    });
}

Expected<UpstreamId> Store::upstream(std::string_view name, const UpstreamOptions& options) {
    return impl_->on_writer([&](Engine& engine) -> Expected<UpstreamId> {
        auto& ledger = engine.ledger();
        auto id = ledger.find_upstream(name);
        if (!id) {
            id = ledger.free_upstream();
            if (!id) {
                return failure(
                    fmt::format("upstream \"{}\": the store knows {} upstreams already", name, kMaxUpstreams),
                    "forget one that is no longer used");
            }
            RangeSet progress;
            progress.insert(1, ledger.head());
            engine.upstreams().insert(*id, name, progress);
            ledger.add_upstream(*id, std::string(name), std::move(progress));
        }
        ledger.set_options(*id, options);
        return *id;
    });
}

Expected<void> Store::forget_upstream(std::string_view name) {
    return impl_->on_writer([&](Engine& engine) -> Expected<void> {
        engine.keep_up(Engine::Upkeep::kProgress, false);  // what it has taken is no dead letter again
        const auto id = engine.ledger().find_upstream(name);
        if (!id) {
            return failure(fmt::format("the store knows no upstream \"{}\"", name),
                           "the status lists those it knows");
        }
        Transaction transaction(engine.database());
        engine.upstreams().hold_returned(name);
        engine.upstreams().remove(*id);
        engine.replay_table().remove(*id);
        transaction.commit();
        engine.ledger().forget_upstream(*id);
        engine.replays().forget(*id);
        return {};
    });
}

Expected<std::unique_ptr<Reader>> Store::reader() {
    auto& engine = *impl_->engine;
    try {
        return std::make_unique<PageReader>(engine.file(), engine.options().file_layer, engine.ledger(),
                                            engine.replays(), engine.log());
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(engine.file()));
    }
}

void Store::acknowledge(UpstreamId upstream, std::span<const ReadingNumber> numbers) {
    if (upstream >= kMaxUpstreams) return;
    // The replay first: it leaves out what waits, and must not meet these between as neither.
    impl_->engine->replays().delivered(upstream, numbers);
    impl_->engine->ledger().acknowledge(upstream, numbers);
}

void Store::dead_letter(UpstreamId upstream, ReadingNumber number, std::string reason) {
    if (upstream >= kMaxUpstreams) return;
    auto& ledger = impl_->engine->ledger();
    const bool again = ledger.is_returned(upstream, number);
    const auto page = ledger.page_of(number);
    if (!page && !again) return;
    // The letter first: progress that counts it as done is never written without it.
    impl_->engine->refuse({ledger.name(upstream), number, page.value_or(0), again,
                           impl_->engine->clock().now().wall, std::move(reason)});
    ledger.acknowledge(upstream, {&number, 1}, true);
}

RangeSet Store::progress(UpstreamId upstream) const {
    return upstream < kMaxUpstreams ? impl_->engine->ledger().progress(upstream) : RangeSet{};
}

ReadingNumber Store::head() const {
    return impl_->engine->ledger().head();
}

void Store::set_tap(std::function<void(const NewReading&)> tap) {
    impl_->writer.set_tap(std::move(tap));
}

void Store::on_commit(std::function<void(ReadingNumber head)> wake) {
    impl_->writer.on_commit(std::move(wake));
}

Uuid Store::uuid() const {
    return impl_->engine->uuid();
}

Status Store::status() const {
    Status status;
    impl_->engine->fill(status);
    status.queue_refusals = impl_->writer.refusals();
    const Inbox::Load load = impl_->writer.load();
    status.queue = load.units;
    status.queue_bytes = load.bytes;
    return status;
}

WriterPulse Store::pulse() const {
    return impl_->writer.pulse();
}

Expected<std::vector<StoredReading>> Store::last_readings(std::size_t count) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<StoredReading>> {
        std::vector<StoredReading> last;
        Journal journal(snapshot.database);
        const auto& ledger = impl_->engine->ledger();
        for (auto page = ledger.page_before({}); page && last.size() < count;
             page = ledger.page_before(page)) {
            auto readings = journal.readings(*page);
            if (!readings) continue;
            while (!readings->empty() && last.size() < count) {
                last.push_back(std::move(readings->back()));
                readings->pop_back();
            }
        }
        return last;
    });
}

Expected<std::vector<SessionRow>> Store::last_sessions(std::size_t count) {
    auto& engine = *impl_->engine;
    try {
        // The newest so far, the oldest of them on top.
        const auto newer = [](const SessionRow& left, const SessionRow& right) {
            return left.last_seen > right.last_seen;
        };
        std::vector<SessionRow> last;
        SessionTableReader reader(engine.file(), engine.options().file_layer, engine.sealer(),
                                  [](SessionId) {});
        reader.for_each_plain([&](SessionRow&& row) {
            if (last.size() == count && (count == 0 || !newer(row, last.front()))) return;
            last.push_back(std::move(row));
            std::ranges::push_heap(last, newer);
            if (last.size() <= count) return;
            std::ranges::pop_heap(last, newer);
            last.pop_back();
        });
        std::ranges::sort(last, newer);
        return last;
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(engine.file()));
    }
}

Expected<void> Store::flush() {
    return impl_->on_writer([](Engine& engine) -> Expected<void> {
        engine.keep_up(Engine::Upkeep::kProgress, false);
        return {};
    });
}

}  // namespace narrowgate::store
