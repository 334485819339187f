// SPDX-License-Identifier: Apache-2.0
//
// The store without its thread: opens and replays, commits a batch of units, and does the upkeep between
// commits. Everything in here may be done at any pace by one caller, which is what its tests rely on.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ballast.hpp"
#include "device_table.hpp"
#include "journal.hpp"
#include "ledger.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/store/options.hpp"
#include "narrowgate/store/status.hpp"
#include "narrowgate/store/unit.hpp"
#include "reply_table.hpp"
#include "sealer.hpp"
#include "session_table.hpp"
#include "sqlite.hpp"
#include "state_directory.hpp"
#include "upstream_table.hpp"

namespace narrowgate::store {

// A reading that an upstream refused, until it is in the table.
struct Refusal {
    std::string upstream;
    ReadingNumber number = 0;
    PageNumber page = 0;
    WallTime at{};
    std::string reason;
};

// Thread: the writer's, unless a call says otherwise.
class Engine {
public:
    static Expected<std::unique_ptr<Engine>> open(const Options& options, Log& log, const Clock& clock);

    // Commits the units, as one transaction; outcomes[i] is units[i]'s. True when readings were stored.
    bool commit(std::span<const Unit> units, std::vector<Outcome>& outcomes);

    enum class Upkeep : std::uint8_t { kWhenDue, kProgress, kAll };
    // Writes progress and dead letters, folds the journal, deletes what nobody needs, checkpoints, makes the
    // ballast again. `idle`: nothing waits to be committed. Throws SqlFault where it failed and was not
    // merely due; what is not done stays due.
    void keep_up(Upkeep what, bool idle);
    // Checkpoints for good; the last call.
    void close();

    // For operations that see sessions as a whole.
    void fold() { keep_up(Upkeep::kAll, false); }

    void refuse(Refusal&& refusal);   // Thread: any
    void fill(Status& status) const;  // Thread: any
    void count_bad_rows(std::size_t count);
    void update_counts();  // after devices or sessions changed

    std::filesystem::path file() const { return directory_.file("state.db"); }
    Database& database() { return database_; }
    Ledger& ledger() { return ledger_; }
    const Ledger& ledger() const { return ledger_; }
    Journal& journal() { return journal_; }
    Meta& meta() { return meta_; }
    SessionTable& sessions() { return sessions_; }
    DeviceTable& devices() { return devices_; }
    UpstreamTable& upstreams() { return upstreams_; }
    const Uuid& uuid() const { return uuid_; }
    const Sealer& sealer() const { return sealer_; }
    const Options& options() const { return options_; }
    const Clock& clock() const { return clock_; }
    Log& log() { return log_; }

private:
    struct Batch;
    struct Parts;

    Engine(Parts&& parts, const Options& options, Log& log, const Clock& clock);
    Expected<void> recover();
    void load_ledger();
    void apply(Effect&& effect);

    Batch assemble(std::span<const Unit> units, std::vector<Outcome>& outcomes, bool with_readings);
    std::optional<SqlFault> write(const Batch& batch);
    void take_over(Batch&& batch, std::size_t units, std::chrono::microseconds time);

    void write_down(bool everything);
    void write_refusals(std::span<const Refusal> refusals);
    void checkpoint(bool idle);
    void meet_full_disk();
    void look_for_room();
    void failed(const SqlFault& fault, const char* what);

    Options options_;
    Log& log_;
    const Clock& clock_;
    StateDirectory directory_;
    Database database_;
    Sealer sealer_;
    Meta meta_;
    Journal journal_;
    SessionTable sessions_;
    ReplyTable replies_;
    DeviceTable devices_;
    UpstreamTable upstreams_;
    Ballast ballast_;
    Ledger ledger_;
    Uuid uuid_;

    PageNumber next_page_ = 1;
    ReadingNumber next_reading_ = 1;
    PageNumber folded_to_ = 0;
    SteadyTime next_progress_{};
    SteadyTime next_fold_{};
    SteadyTime next_look_for_room_{};
    std::uint64_t wal_bytes_ = 0;
    std::uint64_t last_wal_bytes_ = 0;
    std::uint64_t next_checkpoint_bytes_ = 0;
    bool failing_ = false;  // said so, and not yet that it is over

    mutable std::mutex mutex_;  // guards what follows
    Status counters_;
    std::vector<Refusal> refusals_;
};

}  // namespace narrowgate::store
