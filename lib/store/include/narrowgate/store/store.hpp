// SPDX-License-Identifier: Apache-2.0
//
// Durable state: sessions, readings, what upstreams have got, devices. One process holds a store; one thread
// in it, the writer, changes it, with one fsync for all that waits (group commit). docs/store.md has the
// format. Which engine stands behind this header is nobody else's business.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/store/devices.hpp"
#include "narrowgate/store/figures.hpp"
#include "narrowgate/store/loading.hpp"
#include "narrowgate/store/moves.hpp"
#include "narrowgate/store/options.hpp"
#include "narrowgate/store/range_set.hpp"
#include "narrowgate/store/reading.hpp"
#include "narrowgate/store/replay.hpp"
#include "narrowgate/store/status.hpp"
#include "narrowgate/store/types.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::store {

// Reads what waits for upstreams. Has a view of its own on the store: neither waits for the writer nor makes
// it wait. Thread: one at a time. Must be gone before its Store.
class Reader {
public:
    virtual ~Reader() = default;

    // The oldest readings at or after `from` that are for `upstream` and not yet done there: at most
    // `max_count`, and no further one once `max_bytes` of payload are reached (so at least one, if there is
    // any). Ascending. Empty when there is nothing more. Fails when the disk does.
    virtual Expected<std::vector<StoredReading>> read(ReadingNumber from, std::size_t max_count,
                                                      std::size_t max_bytes, UpstreamId upstream) = 0;

    // What `job`, the upstream's replay, is to send of the stretch from `from` on. Looks at a bounded part of
    // the store: a slice may be empty though more is to come. `next` is the end of the stretch when there is
    // nothing more, or the job has ended. Fails when the disk does.
    virtual Expected<ReplaySlice> replay(UpstreamId upstream, ReplayJob job, ReadingNumber from,
                                         std::size_t max_count, std::size_t max_bytes) = 0;
};

// Thread: any, unless a call says otherwise.
class Store {
public:
    // Takes state.lock for life, makes or migrates state.db, finds or makes the sealing key, replays the
    // journal, starts the writer. Errors: the directory cannot be made or written, another process holds the
    // lock (named by its pid), a damaged or newer database, a key that is missing, wrong or readable by
    // others. `log` and `clock` must outlive the store.
    static Expected<std::unique_ptr<Store>> open(const Options& options, Log& log, const Clock& clock);
    ~Store();  // stops
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // --- Effects ------------------------------------------------------------------------------------------

    // `sink` is called on the writer thread after each commit with the completions of its units, in the order
    // in which they were submitted. It must not wait, nor call back into the store but for submit().
    SinkId add_sink(std::function<void(std::vector<Completion>&&)> sink);
    // Hands a unit to the writer. Never waits: false when the queue is full or the store stopping, and then
    // there will be no completion and `unit` is unchanged. Units are committed in the order of submission.
    // A field larger than unit.hpp allows is the caller's mistake: aborts.
    [[nodiscard]] bool submit(Unit&& unit);

    // --- Start-up ----------------------------------------------------------------------------------------

    // How long this store has been open over its whole life, by the steady clock. A crash loses at most a
    // minute of it.
    seconds service_time() const;
    // `bad` is told of each session whose row or mark cannot be opened; the caller closes it by a unit. It is
    // counted once in Status::bad_rows, whoever meets it how often; the caller logs one line for all.
    Expected<std::unique_ptr<SessionReader>> session_reader(std::function<void(SessionId)> bad);
    Expected<std::unique_ptr<CredentialReader>> credential_reader();
    // Every reply that has not expired, oldest first; also of sessions that have ended since. Callbacks run
    // on the caller's thread.
    Expected<void> load_replies(const std::function<void(StoredReply&&)>& take);

    // For commands without a daemon, and for tests: every session, every credential (revoked ones too, by
    // id), on the caller's thread. What cannot be opened is counted, logged (one line for all), and a session
    // deleted.
    Expected<void> load_sessions(const std::function<void(SessionRow&&)>& take);
    Expected<void> load_credentials(const std::function<void(CredentialRow&&)>& take);

    // --- Devices: durable when the call returns, with a line in the audit trail for `actor` (who asked for
    // it: "user alice (1000)"). The caller waits for the writer; not from its callbacks.

    // Fails when the identity is in use, when the name belongs to a device of another fleet, or when a field
    // is out of bounds. A revoked identity or device may be added again.
    Expected<CredentialId> add_device(const NewDevice& device, std::string_view actor);
    // All or nothing. With `dry_run` nothing is changed and the result says what would be.
    Expected<ImportResult> import_devices(std::span<const NewDevice> devices, bool dry_run,
                                          std::string_view actor);
    // Adds the next credential of a device, in whose newest one's place it comes: both are valid until a unit
    // retires that one. By identity or device name. Fails when the device is revoked or a rotation is under
    // way, and says which identity waits. Returns the row as it is loaded later.
    Expected<CredentialRow> rotate_device(std::string_view identity_or_name, Rotation rotation,
                                          std::string_view actor);
    // By identity or device name. Revokes every credential of the device and ends their sessions, all in one
    // commit; returns these credentials, whose live sessions the caller ends now.
    Expected<std::vector<CredentialId>> revoke_device(std::string_view identity_or_name,
                                                      std::string_view actor);
    // Revokes this credential alone, which it returns, and ends its sessions. A device whose last one goes is
    // revoked with it.
    Expected<CredentialId> revoke_credential(std::string_view identity, std::string_view actor);
    // How often the device reports, from kLeastReportInterval to kMostReportInterval; nothing: as its fleet.
    // By identity or device name; returns the name. Fails when there is none, or it is revoked.
    Expected<std::string> set_report_interval(std::string_view identity_or_name,
                                              std::optional<seconds> interval, std::string_view actor);
    // By name: the first `count` whose names come after `after`; all names come after an empty one.
    Expected<std::vector<Device>> devices(std::string_view after, std::size_t count);
    // By identity or device name; nothing when there is none.
    Expected<std::optional<Device>> find_device(std::string_view identity_or_name);
    // What units said about the device, newest first, at most kDeviceEventsKept.
    Expected<std::vector<DeviceEvent>> device_events(std::string_view device, std::size_t count);
    Expected<std::vector<AuditEntry>> audit(std::size_t count);  // newest first

    // --- Figures of devices (figures.hpp) ------------------------------------------------------------------

    // Hands the change to the writer and does not wait; false when the store is stopping, and then nothing is
    // called. Changes are made in the order in which they were handed in.
    [[nodiscard]] bool change_figures(FiguresChange change);
    // Of the device of that name; empty when there are none.
    Expected<Bytes> figures_of(std::string_view device);
    Expected<std::unique_ptr<FiguresReader>> figures_reader();

    // --- Sessions as operators see them (moves.hpp has what wants a stopped gateway) -----------------------

    // Which store this is where only one may have a session. Made at random; after a restore it is another.
    Uuid instance() const;
    Expected<std::vector<ExportInfo>> exports();  // that are kept, oldest first
    // Ends every session of a device (by identity or name), or of all, durably: returns them, and the caller
    // ends those that live. `event`: what the past of their devices then says (DeviceEvent::body). Commits
    // wait until it is done; a million sessions take seconds.
    Expected<std::vector<SessionId>> forget_sessions(std::optional<std::string_view> identity_or_name,
                                                     ByteView event, std::string_view actor);

    // --- Upstreams ----------------------------------------------------------------------------------------

    // The id of the upstream of that name, kept over restarts. A new one starts at the head: it gets what
    // comes from now on. Fails when there are kMaxUpstreams.
    Expected<UpstreamId> upstream(std::string_view name, const UpstreamOptions& options = {});
    // What only waited for it is deleted, or retained; its id may be given to another later. Fails when it is
    // not known.
    Expected<void> forget_upstream(std::string_view name);
    Expected<std::unique_ptr<Reader>> reader();
    // These readings are done at that upstream. Seen by read() at once, durable within a second or so (until
    // then a crash means redelivery).
    void acknowledge(UpstreamId upstream, std::span<const ReadingNumber> numbers);
    // The upstream refused the reading for good: done there, and kept for a person as a DeadLetter.
    void dead_letter(UpstreamId upstream, ReadingNumber number, std::string reason);
    // Dead letters wait for their upstream again, each under the number and id that it had: read() finds it,
    // and once it is acknowledged the letter is gone. Durable when the call returns, with a line in the audit
    // trail; then on_commit() wakes. Returns how many. Fails, and changes nothing, when there is no such
    // letter, when one that was named cannot be sent (its upstream is forgotten, its payload was lost), or
    // when more than Options::max_dead_letters would wait so.
    Expected<std::size_t> retry_dead_letters(const DeadLetterChoice& choice, std::string_view actor);
    // Deletes dead letters for good, also those that wait to be sent again. Likewise.
    Expected<std::size_t> drop_dead_letters(const DeadLetterChoice& choice, std::string_view actor);
    // Grows whenever dead letters have come back, of whatever upstream.
    std::uint64_t returns() const;
    // The lowest number among those that wait for `upstream`; nothing when there are none.
    std::optional<ReadingNumber> first_returned(UpstreamId upstream) const;
    // --- Replays: what an upstream has had is sent to it once more, under the numbers and ids that it had

    // Begins one: durable when the call returns, with a line in the audit trail; then on_commit() wakes. It
    // goes on after a restart, and ends when all chosen readings that are on disk now, and do not wait for
    // the upstream anyway, are done with. While it runs no reading goes for its age. Fails when the upstream
    // is not known or has a replay running, and when nothing of that time is on disk.
    Expected<Replay> start_replay(std::string_view upstream, const ReplayChoice& choice,
                                  std::string_view actor);
    // Ends the running one; what is in flight may still arrive.
    Expected<Replay> cancel_replay(std::string_view upstream, std::string_view actor);
    std::vector<Replay> replays() const;  // the last one of each upstream that had any, running or ended
    // Where the running one of `upstream` stands.
    std::optional<ReplaySpan> replay_of(UpstreamId upstream) const;
    // What became of readings that Reader::replay() gave; nothing when the job has ended. Durable within a
    // second or so (until then a crash means that they are sent again).
    void replayed(UpstreamId upstream, ReplayJob job, std::span<const ReadingNumber> numbers,
                  ReplayFate fate);
    // The upstream refused the reading for good: kept as a DeadLetter, once more.
    void replay_refused(UpstreamId upstream, ReplayJob job, ReadingNumber number, std::string reason);
    // What start_replay() would send, of a bounded part of the store from `from` on (0: the beginning).
    // `wanted` says whether the upstream would take a reading.
    Expected<ReplayCount> count_replay(std::string_view upstream, const ReplayChoice& choice,
                                       ReadingNumber from,
                                       const std::function<bool(const StoredReading&)>& wanted);

    RangeSet progress(UpstreamId upstream) const;  // what is done there
    ReadingNumber head() const;                    // the number that the next reading will get
    // `wake` is called on the writer thread after each commit that holds readings, and when dead letters have
    // come back. It must not wait.
    void on_commit(std::function<void(ReadingNumber head)> wake);
    // `tap` is called on the writer thread with each reading once it is on disk. It must not wait. An empty
    // function ends that; the former one is not called any more when this returns.
    void set_tap(std::function<void(const NewReading& reading)> tap);

    // --- Looking in ---------------------------------------------------------------------------------------

    Uuid uuid() const;
    Status status() const;
    WriterPulse pulse() const;
    // The last `count` readings that still wait for anybody, newest first.
    Expected<std::vector<StoredReading>> last_readings(std::size_t count);
    // Newest first; of one upstream, or of all when it is empty.
    Expected<std::vector<DeadLetter>> dead_letters(std::size_t count, std::string_view upstream = {});
    // The sessions seen last, newest first, without their secrets; up to a minute behind. Looks at all.
    Expected<std::vector<SessionRow>> last_sessions(std::size_t count);

    // --- Ending -------------------------------------------------------------------------------------------

    // Everything acknowledged or dead-lettered before the call is on disk when it returns.
    Expected<void> flush();
    // Commits what waits and tells its sinks, writes progress, folds the journal, ends the writer.
    // Idempotent.
    void stop();

private:
    struct Impl;
    explicit Store(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate::store
