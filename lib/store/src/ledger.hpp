// SPDX-License-Identifier: Apache-2.0
//
// What waits for whom, in memory: an entry a journal page (48 bytes and its share of a deque), and the
// progress of each upstream. The disk holds the readings; this says which of them matter still.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/options.hpp"
#include "narrowgate/store/range_set.hpp"
#include "narrowgate/store/reading.hpp"
#include "narrowgate/store/replay.hpp"
#include "narrowgate/store/status.hpp"
#include "narrowgate/store/types.hpp"
#include "retained.hpp"
#include "returned.hpp"

namespace narrowgate::store {

// Charged for each page besides its readings: its row, its effects, its place in memory. It bounds the memory
// that many tiny pages take: 1 GiB of them is 4 million entries at most.
inline constexpr std::uint32_t kPageOverheadBytes = 256;

struct PageEntry {
    ReadingNumber first = 0;
    PageNumber page = 0;
    std::uint32_t count = 0;     // of readings, at least one
    std::uint32_t bytes = 0;     // of its readings as stored, and kPageOverheadBytes
    WallTime received{};         // of the first
    UpstreamMask upstreams = 0;  // for whom any of them is; 0: nobody needs the page any more
    std::unique_ptr<std::vector<UpstreamMask>> masks;  // one a reading, where they differ

    ReadingNumber end() const { return first + count; }
    // Readings of a page count alike, so that what is added for a page is what is taken off again.
    std::uint64_t share() const { return bytes / count; }
    UpstreamMask mask(ReadingNumber number) const {
        return masks ? (*masks)[static_cast<std::size_t>(number - first)] : upstreams;
    }
};

// Thread: any.
class Ledger {
public:
    explicit Ledger(const Options& options) : options_(options) {}

    // --- Upstreams
    void add_upstream(UpstreamId id, std::string name, RangeSet progress);
    std::optional<UpstreamId> find_upstream(std::string_view name) const;
    std::string name(UpstreamId id) const;
    std::optional<UpstreamId> free_upstream() const;
    void set_options(UpstreamId id, const UpstreamOptions& options);
    void forget_upstream(UpstreamId id);
    UpstreamMask upstreams() const;  // those that exist

    // --- Pages, in ascending order; from the writer
    void set_head(ReadingNumber head);
    void add_page(PageEntry entry);
    void add_dead(PageNumber page);  // one that holds no readings
    // Pages on disk that nobody needs any more, up to `last`, at most `count`. Handed out once; give them
    // back when they could not be deleted.
    std::vector<PageNumber> take_dead(PageNumber last, std::size_t count);
    std::size_t dead_count() const;

    // --- Room. `claimed` is what readings of the same commit have been granted before.
    struct Claim {
        std::uint64_t bytes = 0;
        std::array<std::uint64_t, kMaxUpstreams> upstream_bytes{};
    };
    // Whether a reading of that size may be stored; grows `claimed` if so. Always, under kDropOldest.
    bool admit(Claim& claimed, std::size_t bytes, UpstreamMask upstreams);
    // Under kDropOldest: gives up the oldest readings beyond max_size, max_backlog and max_age. Under either:
    // lets go of retained pages beyond retention_bytes, of those without which what waits would have no room,
    // and with `by_age` of those older than the retention.
    void make_room(WallTime now, bool by_age = true);

    // --- Retention: pages that all upstreams have, kept for a replay. They wait for nobody
    // (ledger_retained.cpp).
    // Those delivered since the last call were delivered now. Returns their readings.
    std::vector<Range> stamp_delivered(WallTime now);
    void restore_delivered(const DeliveredAt& times);
    std::optional<WallTime> oldest_delivery() const;  // of what is kept
    // Lets the oldest go, so many bytes of them, because the disk has no room. Returns how many bytes went.
    std::uint64_t drop_retained(std::uint64_t bytes);
    // The stretch of numbers on disk that holds what was received in that time; nothing: it holds nothing.
    std::optional<Range> stretch_of(const ReplayChoice& choice) const;
    // Removes what still waits for `id`. Returns how many went.
    std::size_t drop_waiting(UpstreamId id, std::vector<StoredReading>& readings) const;

    // --- Progress
    void acknowledge(UpstreamId id, std::span<const ReadingNumber> numbers, bool dead_letter = false);
    struct Progress {
        UpstreamId id = 0;
        RangeSet done;
    };
    std::vector<Progress> take_changed();  // since it was asked last
    void mark_changed(UpstreamId id);      // it could not be written
    bool changed() const { return changed_.load(std::memory_order_relaxed); }
    RangeSet progress(UpstreamId id) const;
    ReadingNumber head() const;

    // --- Dead letters that wait again (ledger_returned.cpp)
    void give_back(UpstreamId id, std::span<const Returned> letters);
    // They wait no longer, and nobody has taken them.
    void take_back(UpstreamId id, std::span<const ReadingNumber> numbers);
    bool is_returned(UpstreamId id, ReadingNumber number) const;
    // The lowest `count` at or after `from`, ascending.
    std::vector<ReadingNumber> returned(UpstreamId id, ReadingNumber from, std::size_t count) const;
    // Grows with each give_back().
    std::uint64_t returns() const { return returns_.load(std::memory_order_acquire); }
    // Those taken since it was asked last. What could not be written is given to the next.
    std::vector<ReturnedDone> take_returned_done();
    void retry_returned_done(std::vector<ReturnedDone>&& done);

    // --- Reading
    struct Span {
        ReadingNumber number = 0;  // the first that waits
        PageNumber page = 0;       // which holds it
    };
    std::optional<Span> next_waiting(UpstreamId id, ReadingNumber from) const;
    std::optional<PageNumber> page_of(ReadingNumber number) const;
    std::optional<PageNumber> page_before(std::optional<PageNumber> page) const;  // live; none: the last
    // Removes what is not for `id`, or done there.
    void keep_waiting(UpstreamId id, std::vector<StoredReading>& readings) const;

    void fill(Status& status, WallTime now) const;

private:
    using Pages = std::deque<PageEntry>;

    struct Upstream {
        bool exists = false;
        std::string name;
        UpstreamOptions options;
        RangeSet done;
        bool changed = false;
        std::uint64_t pending_readings = 0;
        std::uint64_t pending_bytes = 0;
        std::uint64_t acknowledged = 0;
        std::uint64_t dropped = 0;
        std::uint64_t dead_letters = 0;
        std::map<ReadingNumber, Returned> returned;
    };

    // All below: with mutex_ held.
    Pages::iterator page_at(ReadingNumber number);  // the first that ends after it
    Pages::const_iterator page_at(ReadingNumber number) const;
    std::uint32_t waiting_in(const PageEntry& page, UpstreamId id) const;
    void settle(Pages::iterator page, UpstreamId id);
    void widen(UpstreamId id, ReadingNumber begin, ReadingNumber end);
    void give_up(Pages::iterator page, UpstreamId id);
    void give_up_for_all(Pages::iterator page);
    void give_up_oldest(WallTime now);
    void let_go_of_retained(WallTime now, bool by_age);
    void retire(PageEntry& page);
    void tidy();
    bool finish_returned(UpstreamId id, ReadingNumber number);
    bool backlog_full(const Upstream& upstream) const;
    std::optional<Span> next_waiting_locked(UpstreamId id, ReadingNumber from) const;

    const Options& options_;
    mutable std::mutex mutex_;
    Pages pages_;  // ascending; those whose `upstreams` is 0 are skipped until tidy() takes them out
    std::size_t retired_ = 0;  // how many of pages_ are such
    std::vector<PageNumber> dead_;
    Retained retained_;
    std::array<Upstream, kMaxUpstreams> upstreams_;
    ReadingNumber head_ = 1;
    std::uint64_t live_bytes_ = 0;
    std::uint64_t live_readings_ = 0;
    std::uint64_t readings_dropped_ = 0;
    bool full_ = false;
    std::vector<ReturnedDone> returned_done_;
    std::atomic<std::uint64_t> returns_ = 0;
    std::atomic<bool> changed_ = false;
};

}  // namespace narrowgate::store
