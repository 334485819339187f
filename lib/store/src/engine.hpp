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
#include <unordered_set>
#include <vector>

#include "ballast.hpp"
#include "delivery_times.hpp"
#include "device_past.hpp"
#include "device_table.hpp"
#include "journal.hpp"
#include "ledger.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/store/options.hpp"
#include "narrowgate/store/status.hpp"
#include "narrowgate/store/unit.hpp"
#include "replay_scan.hpp"
#include "replays.hpp"
#include "reply_table.hpp"
#include "sealer.hpp"
#include "session_table.hpp"
#include "sqlite.hpp"
#include "state_directory.hpp"
#include "sync_meter.hpp"
#include "upstream_table.hpp"

namespace narrowgate::store {

inline constexpr seconds kCheapFoldPeriod{5};  // of a fold that writes few pages
inline constexpr seconds kFoldPeriod{60};      // of any other
inline constexpr seconds kStampPeriod{60};     // what a crash can take off the service time, at most

// A reading that an upstream refused, until it is in the table.
struct Refusal {
    std::string upstream;
    ReadingNumber number = 0;
    PageNumber page = 0;  // 0: to be found
    bool again = false;   // a dead letter that had come back: its row is there
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
    // ballast again. What is merely due is done a slice at a time, some tens of milliseconds each, so that
    // commits go on in between: call it again soon while it is busy(). `idle`: nothing waits to be committed.
    // Throws SqlFault where it failed and was not merely due; what is not done stays due.
    void keep_up(Upkeep what, bool idle);
    bool busy() const { return (folding_to_.has_value() || more_dead_) && !paused_; }
    // Checkpoints for good; the last call.
    void close();

    // The sessions of these credentials, which the open transaction revokes: the end of them is a page of the
    // journal in the same transaction. `finish_ending` follows its commit.
    void end_sessions_of(std::span<const CredentialId> credentials);
    void finish_ending(std::span<const CredentialId> credentials);

    seconds service_time() const;  // Thread: any

    void refuse(Refusal&& refusal);                      // Thread: any
    void fill(Status& status) const;                     // Thread: any
    void count_bad_rows(std::size_t count);              // Thread: any
    void count_bad_session(SessionId session);           // once each. Thread: any
    void meet_bad_credential(const UnreadableKey& key);  // says so, once each. Thread: any
    void update_counts();                                // after devices changed

    std::filesystem::path file() const { return directory_.file("state.db"); }
    Database& database() { return database_; }
    Ledger& ledger() { return ledger_; }
    const Ledger& ledger() const { return ledger_; }
    Journal& journal() { return journal_; }
    Meta& meta() { return meta_; }
    SessionTable& sessions() { return sessions_; }
    DeviceTable& devices() { return devices_; }
    DevicePast& past() { return past_; }
    ReplyTable& replies() { return replies_; }
    UpstreamTable& upstreams() { return upstreams_; }
    Replays& replays() { return replays_; }
    const Replays& replays() const { return replays_; }
    ReplayTable& replay_table() { return replay_table_; }
    const Uuid& uuid() const { return uuid_; }
    const Uuid& instance() const { return instance_; }
    const Sealer& sealer() const { return sealer_; }
    const Options& options() const { return options_; }
    const Clock& clock() const { return clock_; }
    Log& log() { return log_; }

private:
    struct Batch;
    struct Parts;

    Engine(Parts&& parts, const Options& options, Log& log, const Clock& clock);
    Expected<void> recover();
    Uuid kept_uuid(std::string_view name);  // in `meta`; drawn when it is not there
    void load_ledger();
    void apply(Effect&& effect);

    Batch assemble(std::span<const Unit> units, std::vector<Outcome>& outcomes, bool with_readings);
    void replay();
    std::optional<SqlFault> write(const Batch& batch);
    void take_over(Batch&& batch, std::size_t units, std::chrono::microseconds time);
    void count_syncs();

    void do_all();
    void do_a_slice(const Now& now);
    bool out_of_bounds() const;
    bool fold_due(SteadyTime now) const;
    void begin_fold();
    void fold_slice();
    void finish_fold();
    void make_room();
    void keep_the_disk_spare();
    void delete_dead();
    void write_progress(std::span<const PageNumber> dead, bool fold);
    void tell_ended(std::span<const ReplayProgress> changed);
    void write_refusals(std::span<const Refusal> refusals);
    void checkpoint(bool idle);
    void rest(SteadyTime now);
    void meet_full_disk();
    void look_for_room();
    void failed(const SqlFault& fault, const char* what);

    Options options_;
    Log& log_;
    const Clock& clock_;
    StateDirectory directory_;
    const std::unique_ptr<SyncMeter> sync_meter_;  // of database_, which goes before it
    Database database_;
    Sealer sealer_;
    Meta meta_;
    Journal journal_;
    SessionTable sessions_;
    ReplyTable replies_;
    DeviceTable devices_;
    DevicePast past_;
    UpstreamTable upstreams_;
    ReplayTable replay_table_;
    DeliveryTimes delivery_times_;
    PageFinder finder_;
    Ballast ballast_;
    Ledger ledger_;
    Replays replays_;
    Uuid uuid_;
    Uuid instance_;

    PageNumber next_page_ = 1;
    ReadingNumber next_reading_ = 1;
    PageNumber folded_to_ = 0;
    std::optional<PageNumber> folding_to_;  // a fold is in progress
    bool more_dead_ = false;                // there are more pages to be deleted than one slice takes
    std::size_t undeletable_ = 0;           // pages that nobody needs, but are not folded yet
    const SteadyTime opened_;
    std::uint64_t service_before_ = 0;  // seconds, until this opening
    SteadyTime next_progress_{};
    SteadyTime next_tidying_{};
    SteadyTime next_cheap_fold_{};
    SteadyTime next_fold_{};
    SteadyTime next_stamp_{};              // of the service time
    SteadyTime next_try_{};                // after a failure
    std::int64_t changes_ = 0;             // of the database, as last looked
    std::optional<SteadyTime> rest_from_;  // when its pages leave memory, if nothing changes until then
    bool paused_ = false;                  // until then
    SteadyTime next_look_for_room_{};
    std::uint64_t wal_bytes_ = 0;
    std::uint64_t last_wal_bytes_ = 0;
    std::uint64_t next_checkpoint_bytes_ = 0;
    bool failing_ = false;  // said so, and not yet that it is over

    mutable std::mutex mutex_;  // guards what follows
    Status counters_;
    std::vector<Refusal> refusals_;
    std::unordered_set<SessionId> bad_sessions_;
    std::unordered_set<std::string> bad_identities_;
};

}  // namespace narrowgate::store
