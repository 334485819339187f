// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "adoption.hpp"
#include "narrowgate/store/events.hpp"
#include "page_body.hpp"
#include "random_uuid.hpp"
#include "schema.hpp"

namespace narrowgate::store {
namespace {

// A page's names and numbers beside its payloads, for admission; the page itself is weighed exactly.
constexpr std::size_t kReadingOverheadBytes = 24;

}  // namespace

// What must exist before the tables can prepare their statements.
struct Engine::Parts {
    StateDirectory directory;
    std::unique_ptr<SyncMeter> sync_meter;
    Database database;
    Sealer sealer;
};

// One commit on its way to disk.
struct Engine::Batch {
    Page page;
    std::vector<Effect> effects;
    std::vector<UpstreamMask> masks;  // one a reading
    std::vector<CredentialId> retired;
    std::size_t refused = 0;

    bool empty() const { return effects.empty() && masks.empty(); }
};

Expected<std::unique_ptr<Engine>> Engine::open(const Options& options, Log& log, const Clock& clock) {
    auto directory = StateDirectory::claim(options.directory);
    if (!directory) return std::unexpected(directory.error());
    const auto file = directory->file("state.db");
    try {
        if (auto made = directory->make_private("state.db"); !made) return std::unexpected(made.error());
        auto sync_meter = std::make_unique<SyncMeter>(options.file_layer, clock);
        Database database(file, sync_meter->name(), false);
        if (auto ready = prepare_schema(database, file); !ready) return std::unexpected(ready.error());
        auto sealer = open_sealer(*directory, options.credentials_directory, database);
        if (!sealer) return std::unexpected(sealer.error());
        std::unique_ptr<Engine> engine(new Engine(
            Parts{std::move(*directory), std::move(sync_meter), std::move(database), std::move(*sealer)},
            options, log, clock));
        if (auto recovered = engine->recover(); !recovered) return std::unexpected(recovered.error());
        return engine;
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file));
    }
}

Engine::Engine(Parts&& parts, const Options& options, Log& log, const Clock& clock)
    : options_(options),
      log_(log),
      clock_(clock),
      directory_(std::move(parts.directory)),
      sync_meter_(std::move(parts.sync_meter)),
      database_(std::move(parts.database)),
      sealer_(std::move(parts.sealer)),
      meta_(database_),
      journal_(database_),
      sessions_(database_, sealer_, meta_.number("sessions", 0), options_.fold_slice_pages),
      replies_(database_, options_.max_reply_bytes),
      devices_(database_, sealer_, meta_),
      past_(database_),
      upstreams_(database_),
      replay_table_(database_),
      delivery_times_(database_, options.retention),
      finder_(database_),
      ballast_(directory_.file("state.ballast"), options.ballast_bytes, options.file_layer),
      ledger_(options_),
      opened_(clock.now().steady),
      next_tidying_(opened_),
      next_cheap_fold_(opened_ + kCheapFoldPeriod),
      next_fold_(opened_ + kFoldPeriod),
      next_stamp_(opened_ + kStampPeriod) {
    sqlite3_wal_hook(
        database_.handle(),
        [](void* self, sqlite3*, const char*, int frames) {
            constexpr std::uint64_t kFrameBytes = 4096 + 24;  // a database page and its header
            static_cast<Engine*>(self)->wal_bytes_ = static_cast<std::uint64_t>(frames) * kFrameBytes;
            return SQLITE_OK;
        },
        this);
}

// Counters first, then the journal since the last fold, then the fold itself: afterwards the tables are
// whole.
Expected<void> Engine::recover() {
    uuid_ = kept_uuid("store_uuid");
    instance_ = kept_uuid("instance");
    folded_to_ = meta_.number("folded_to", 0);
    next_page_ = std::max(meta_.number("next_page", 1), journal_.last_page() + 1);
    next_reading_ = std::max(meta_.number("next_reading", 1), journal_.end_of_readings());
    service_before_ = meta_.number("service_time", 0);

    if (const auto lost = adopt_sessions_of_version_2(database_, sessions_); lost != 0) {
        log_.write(kEvent<"store.sessions_lost">, {},
                   "{}: {} sessions could not be read and are ended: their nodes will shake hands again",
                   file().string(), lost);
        count_bad_rows(lost);
    }
    replay();
    load_ledger();
    if (!ballast_.raise()) meet_full_disk();
    try {
        keep_up(Upkeep::kAll, false);
    } catch (const SqlFault& fault) {
        if (!fault.out_of_space()) throw;
        keep_up(Upkeep::kAll, false);  // the ballast has been let go
    }
    update_counts();
    return {};
}

Uuid Engine::kept_uuid(std::string_view name) {
    Uuid uuid;
    if (const auto stored = meta_.blob(name); stored && stored->size() == uuid.bytes.size()) {
        std::ranges::copy(*stored, uuid.bytes.begin());
    } else {
        uuid = random_uuid();
        meta_.set_blob(name, uuid.bytes);
    }
    return uuid;
}

void Engine::replay() {
    std::size_t bad = 0;
    journal_.for_each_effects(folded_to_, [&](PageNumber, ByteView bytes) {
        auto effects = decode_effects(bytes);
        if (!effects) {
            ++bad;
            return;
        }
        for (auto& effect : *effects)
            apply(std::move(effect));
    });
    if (bad == 0) return;
    count_bad_rows(bad);
    log_.write(
        kEvent<"store.effects_lost">, {},
        "{}: {} journal pages cannot be read: sessions that they opened or moved are as they were before",
        file().string(), bad);
}

void Engine::load_ledger() {
    ledger_.set_head(next_reading_);
    upstreams_.for_each([&](UpstreamId id, std::string name, std::optional<RangeSet> progress) {
        if (!progress) {
            log_.write(
                kEvent<"store.progress_lost">, {.upstream = name},
                "{}: the progress of upstream {} cannot be read: it gets everything that is still stored "
                "again",
                file().string(), name);
            count_bad_rows(1);
        }
        ledger_.add_upstream(id, std::move(name), std::move(progress).value_or(RangeSet{}));
    });
    upstreams_.for_each_returned([&](const std::string& name, Returned letter) {
        if (const auto id = ledger_.find_upstream(name)) ledger_.give_back(*id, {&letter, 1});
    });
    journal_.for_each_entry(
        [&](PageEntry&& entry) {
            if (entry.count == 0) {
                ledger_.add_dead(entry.page);
            } else {
                ledger_.add_page(std::move(entry));
            }
        },
        [&](PageNumber page) {
            log_.write(
                kEvent<"store.readings_unreadable">, {},
                "{}: journal page {} cannot be read: its readings are left where they are, undelivered",
                file().string(), page);
            count_bad_rows(1);
        });
    if (options_.retention > seconds(0)) ledger_.restore_delivered(delivery_times_.all());
    for (auto& progress : replay_table_.all()) {
        progress.replay.upstream_name = ledger_.name(progress.replay.upstream);
        if (!progress.replay.upstream_name.empty()) replays_.put(std::move(progress));
    }
}

void Engine::apply(Effect&& effect) {
    std::visit(
        [this]<class T>(T&& one) {
            if constexpr (std::is_same_v<T, StoredReply>) {
                replies_.add(one);
            } else if constexpr (std::is_same_v<T, DeviceEvent>) {
                past_.apply(std::forward<T>(one));
            } else {
                sessions_.apply(std::forward<T>(one));
            }
        },
        std::move(effect));
}

bool Engine::commit(std::span<const Unit> units, std::vector<Outcome>& outcomes) {
    const auto began = clock_.now().steady;
    (void)sync_meter_->take();  // of checkpoints, and of what others had the writer do
    bool disk_full = false;
    {
        const std::lock_guard lock(mutex_);
        disk_full = counters_.disk_full;
    }
    Batch batch = assemble(units, outcomes, !disk_full);
    auto fault = write(batch);
    if (fault && fault->out_of_space()) {
        meet_full_disk();
        batch = assemble(units, outcomes, false);
        fault = write(batch);
    }
    if (fault) {
        failed(*fault, "a commit");
        outcomes.assign(units.size(), Outcome::kFailed);
        const std::lock_guard lock(mutex_);
        counters_.units_failed += units.size();
        return false;
    }
    const bool stored = !batch.masks.empty();
    take_over(std::move(batch), units.size(),
              std::chrono::duration_cast<std::chrono::microseconds>(clock_.now().steady - began));
    return stored;
}

Engine::Batch Engine::assemble(std::span<const Unit> units, std::vector<Outcome>& outcomes,
                               bool with_readings) {
    Batch batch;
    PageBody body;
    Ledger::Claim claimed;
    const UpstreamMask existing = ledger_.upstreams();
    outcomes.assign(units.size(), Outcome::kCommitted);
    for (std::size_t i = 0; i < units.size(); ++i) {
        const Unit& unit = units[i];
        if (unit.open) batch.effects.emplace_back(sessions_.seal(*unit.open));
        for (const auto session : unit.close)
            batch.effects.emplace_back(SessionClose{session});
        if (unit.mark) batch.effects.emplace_back(*unit.mark);
        for (const auto& event : unit.events)
            batch.effects.emplace_back(event);
        if (unit.retire) {
            batch.effects.emplace_back(SessionsEnd{*unit.retire});
            batch.retired.push_back(*unit.retire);
        }
        if (unit.reading && (unit.reading->upstreams & existing) != 0) {
            const auto& reading = *unit.reading;
            const std::size_t bytes = reading.payload.size() + reading.device.size() + reading.fleet.size() +
                                      reading.resource.size() + kReadingOverheadBytes;
            if (!with_readings || !ledger_.admit(claimed, bytes, reading.upstreams & existing)) {
                outcomes[i] = Outcome::kReadingRefused;
                ++batch.refused;
                continue;  // its reply says 2.04, which is not true now
            }
            if (batch.masks.empty()) batch.page.received = reading.received;
            body.add(reading);
            batch.masks.push_back(reading.upstreams & existing);
        }
        if (unit.reply) batch.effects.emplace_back(*unit.reply);
    }
    batch.page.number = next_page_;
    batch.page.first = next_reading_;
    batch.page.count = batch.masks.size();
    if (std::ranges::adjacent_find(batch.masks, std::not_equal_to{}) == batch.masks.end()) {
        batch.page.upstreams = batch.masks.empty() ? 0 : batch.masks.front();
    }
    batch.page.body = body.finish();
    batch.page.effects = encode_effects(batch.effects);
    return batch;
}

std::optional<SqlFault> Engine::write(const Batch& batch) {
    if (batch.empty()) return std::nullopt;
    try {
        Transaction transaction(database_);
        journal_.append(batch.page);
        for (const auto credential : batch.retired)
            devices_.retire(credential, clock_.now().wall);
        transaction.commit();
        return std::nullopt;
    } catch (const SqlFault& fault) {
        return fault;
    }
}

// It is on disk: now memory may know.
void Engine::take_over(Batch&& batch, std::size_t units, std::chrono::microseconds time) {
    if (!batch.empty()) {
        ++next_page_;
        next_reading_ += batch.page.count;
    }
    for (auto& effect : batch.effects)
        apply(std::move(effect));
    if (!batch.retired.empty()) update_counts();
    if (batch.page.count != 0) {
        PageEntry entry;
        entry.first = batch.page.first;
        entry.page = batch.page.number;
        entry.count = static_cast<std::uint32_t>(batch.page.count);
        entry.bytes = static_cast<std::uint32_t>(batch.page.body.size()) + kPageOverheadBytes;
        entry.received = batch.page.received;
        for (const auto mask : batch.masks)
            entry.upstreams |= mask;
        if (!batch.page.upstreams)
            entry.masks = std::make_unique<std::vector<UpstreamMask>>(std::move(batch.masks));
        ledger_.add_page(std::move(entry));
        make_room();
    } else if (!batch.empty()) {
        ledger_.add_dead(batch.page.number);
    }
    if (std::exchange(failing_, false))
        log_.write(kEvent<"store.writes_succeed">, {}, "{}: commits succeed again", file().string());

    const std::lock_guard lock(mutex_);
    ++counters_.commits;
    counters_.units_committed += units;
    counters_.readings_committed += batch.page.count;
    counters_.readings_refused += batch.refused;
    counters_.last_commit_units = units;
    counters_.last_commit_time = time;
    counters_.longest_commit_time = std::max(counters_.longest_commit_time, time);
    counters_.commit_times.add(static_cast<std::uint64_t>(time.count()));
    counters_.commit_sizes.add(units);
    count_syncs();
}

// Of the commit that has just ended; one that had nothing to write has none. `mutex_` is held.
void Engine::count_syncs() {
    const SyncMeter::Syncs syncs = sync_meter_->take();
    const auto time = std::chrono::duration_cast<std::chrono::microseconds>(syncs.time);
    counters_.last_fsync_time = time;
    counters_.longest_fsync_time = std::max(counters_.longest_fsync_time, time);
    if (syncs.count != 0) counters_.fsync_times.add(static_cast<std::uint64_t>(time.count()));
}

void Engine::end_sessions_of(std::span<const CredentialId> credentials) {
    if (credentials.empty()) return;
    std::vector<Effect> effects;
    for (const auto credential : credentials)
        effects.emplace_back(SessionsEnd{credential});
    Page page;
    page.number = next_page_;
    page.first = next_reading_;
    page.upstreams = 0;
    page.effects = encode_effects(effects);
    journal_.append(page);
}

void Engine::finish_ending(std::span<const CredentialId> credentials) {
    if (credentials.empty()) return;
    ledger_.add_dead(next_page_++);
    for (const auto credential : credentials)
        sessions_.apply(SessionsEnd{credential});
}

seconds Engine::service_time() const {
    return seconds(service_before_) + std::chrono::duration_cast<seconds>(clock_.now().steady - opened_);
}

void Engine::refuse(Refusal&& refusal) {
    const std::lock_guard lock(mutex_);
    refusals_.push_back(std::move(refusal));
}

void Engine::fill(Status& status) const {
    {
        const std::lock_guard lock(mutex_);
        status = counters_;
    }
    ledger_.fill(status, clock_.now().wall);
}

void Engine::count_bad_rows(std::size_t count) {
    const std::lock_guard lock(mutex_);
    counters_.bad_rows += count;
}

void Engine::count_bad_session(SessionId session) {
    const std::lock_guard lock(mutex_);
    if (bad_sessions_.insert(session).second) ++counters_.bad_rows;
}

void Engine::meet_bad_credential(const UnreadableKey& key) {
    {
        const std::lock_guard lock(mutex_);
        if (!bad_identities_.insert(key.identity).second) return;
        ++counters_.bad_rows;
    }
    log_.write(kEvent<"store.device_key_unreadable">, {.device = key.device, .fleet = key.fleet},
               "{}: the key of identity {} of device {} does not open under the sealing key: the node cannot "
               "connect",
               file().string(), key.identity, key.device);
}

void Engine::update_counts() {
    const auto devices = devices_.counts();
    const std::lock_guard lock(mutex_);
    counters_.sessions = sessions_.count();
    counters_.devices = devices.devices;
    counters_.credentials = devices.credentials;
}

}  // namespace narrowgate::store
