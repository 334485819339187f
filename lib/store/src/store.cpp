// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/store.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <future>
#include <type_traits>
#include <utility>

#include "engine.hpp"
#include "page_reader.hpp"
#include "writer.hpp"

namespace narrowgate::store {
namespace {

bool is_within_bounds(const Unit& unit) {
    if (unit.open && (unit.open->cid.size() > kMaxCidBytes || unit.open->secret.size() > kMaxSessionSecret)) {
        return false;
    }
    if (unit.reply && unit.reply->reply.size() > kMaxReplyBytes) return false;
    if (!unit.reading) return true;
    const auto& reading = *unit.reading;
    return reading.device.size() <= kMaxNameBytes && reading.fleet.size() <= kMaxNameBytes &&
           reading.resource.size() <= kMaxNameBytes && reading.payload.size() <= kMaxPayloadBytes;
}

Error stopping() {
    return {"the store is stopping", "start the gateway again"};
}

// A view of the last commit on the caller's own connection: long lists do not hold up the writer.
struct Snapshot {
    explicit Snapshot(const Engine& engine)
        : database(engine.file(), engine.options().file_layer, true), meta(database) {}

    Database database;
    Meta meta;
};

}  // namespace

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

    std::unique_ptr<Engine> engine;
    Writer writer;
};

Expected<std::unique_ptr<Store>> Store::open(const Options& options, Log& log, const Clock& clock) {
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

Expected<void> Store::load_sessions(const std::function<void(SessionRow&&)>& take) {
    auto bad = impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<SessionId>> {
        return SessionTable(snapshot.database, impl_->engine->sealer()).load(take);
    });
    if (!bad) return std::unexpected(bad.error());
    if (bad->empty()) return {};
    impl_->engine->log().warning(
        "{}: {} stored sessions do not open under the sealing key and are ended: their nodes will shake "
        "hands again; "
        "if nobody edited the database, check the disk",
        impl_->engine->file().string(), bad->size());
    return impl_->on_writer([&](Engine& engine) -> Expected<void> {
        Transaction transaction(engine.database());
        for (const auto session : *bad)
            engine.sessions().remove(session);
        transaction.commit();
        engine.count_bad_rows(bad->size());
        engine.sessions().recount();
        engine.update_counts();
        return {};
    });
}

Expected<void> Store::load_replies(const std::function<void(StoredReply&&)>& take) {
    const auto now = impl_->engine->clock().now().wall;
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<void> {
        SessionTable sessions(snapshot.database, impl_->engine->sealer());
        ReplyTable replies(snapshot.database, impl_->engine->options().max_reply_bytes);
        const auto bad = replies.load(now, [&](StoredReply&& reply) {
            if (sessions.known(reply.session)) take(std::move(reply));
        });
        impl_->engine->count_bad_rows(bad);
        return {};
    });
}

Expected<CredentialId> Store::add_device(const NewDevice& device) {
    return impl_->on_writer([&](Engine& engine) -> Expected<CredentialId> {
        Transaction transaction(engine.database());
        auto added = engine.devices().add(device, engine.clock().now().wall);
        if (!added) return added;
        transaction.commit();
        engine.update_counts();
        return added;
    });
}

Expected<ImportResult> Store::import_devices(std::span<const NewDevice> devices, bool dry_run) {
    return impl_->on_writer([&](Engine& engine) -> Expected<ImportResult> {
        engine.fold();
        Transaction transaction(engine.database());
        auto result = engine.devices().import(devices, engine.clock().now().wall);
        if (!result.errors.empty() || dry_run) return result;  // rolled back
        for (const auto credential : result.revoked)
            engine.sessions().remove_of(credential);
        transaction.commit();
        engine.sessions().recount();
        engine.update_counts();
        return result;
    });
}

Expected<std::vector<CredentialId>> Store::revoke_device(std::string_view identity_or_name) {
    return impl_->on_writer([&](Engine& engine) -> Expected<std::vector<CredentialId>> {
        engine.fold();
        Transaction transaction(engine.database());
        auto revoked = engine.devices().revoke(identity_or_name, engine.clock().now().wall);
        if (!revoked) return revoked;
        for (const auto credential : *revoked)
            engine.sessions().remove_of(credential);
        transaction.commit();
        engine.sessions().recount();
        engine.update_counts();
        return revoked;
    });
}

Expected<std::vector<Device>> Store::devices() {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<Device>> {
        return DeviceTable(snapshot.database, impl_->engine->sealer(), snapshot.meta).list();
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
        for (const auto& identity : bad) {
            impl_->engine->log().warning(
                "{}: the key of identity {} does not open under the sealing key: the node cannot connect; "
                "revoke "
                "the device and add it again",
                impl_->engine->file().string(), identity);
        }
        impl_->engine->count_bad_rows(bad.size());
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
        const auto id = engine.ledger().find_upstream(name);
        if (!id) {
            return failure(fmt::format("the store knows no upstream \"{}\"", name),
                           "the status lists those it knows");
        }
        engine.upstreams().remove(*id);
        engine.ledger().forget_upstream(*id);
        return {};
    });
}

Expected<std::unique_ptr<Reader>> Store::reader() {
    const auto& engine = *impl_->engine;
    try {
        return std::make_unique<PageReader>(engine.file(), engine.options().file_layer, engine.ledger(),
                                            impl_->engine->log());
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(engine.file()));
    }
}

void Store::acknowledge(UpstreamId upstream, std::span<const ReadingNumber> numbers) {
    if (upstream < kMaxUpstreams) impl_->engine->ledger().acknowledge(upstream, numbers);
}

void Store::dead_letter(UpstreamId upstream, ReadingNumber number, std::string reason) {
    auto& ledger = impl_->engine->ledger();
    const auto page = ledger.page_of(number);
    if (upstream >= kMaxUpstreams || !page) return;
    // The letter first: progress that counts it as done is never written without it.
    impl_->engine->refuse(
        {ledger.name(upstream), number, *page, impl_->engine->clock().now().wall, std::move(reason)});
    ledger.acknowledge(upstream, {&number, 1}, true);
}

RangeSet Store::progress(UpstreamId upstream) const {
    return upstream < kMaxUpstreams ? impl_->engine->ledger().progress(upstream) : RangeSet{};
}

ReadingNumber Store::head() const {
    return impl_->engine->ledger().head();
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

Expected<std::vector<DeadLetter>> Store::dead_letters(std::size_t count) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<DeadLetter>> {
        return UpstreamTable(snapshot.database).dead_letters(count);
    });
}

Expected<std::vector<SessionRow>> Store::last_sessions(std::size_t count) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<std::vector<SessionRow>> {
        return SessionTable(snapshot.database, impl_->engine->sealer()).last(count);
    });
}

Expected<void> Store::flush() {
    return impl_->on_writer([](Engine& engine) -> Expected<void> {
        engine.keep_up(Engine::Upkeep::kProgress, false);
        return {};
    });
}

}  // namespace narrowgate::store
