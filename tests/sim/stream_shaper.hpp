// SPDX-License-Identifier: Apache-2.0
//
// One direction of a TCP connection over a bad link, in virtual time: it cuts the stream into pieces, delays
// and slows them down, and at a chosen byte something happens to it. Order is kept, as TCP keeps it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::sim {

// How a stream is cut. A piece is never waited for: it is shorter when less is there.
struct Cut {
    static constexpr std::size_t kRest = SIZE_MAX;  // all that is there

    // In turn, and from the first again after the last and whenever all that was there has gone. Empty:
    // kRest.
    std::vector<std::size_t> sizes;
    // Instead of `sizes`: each from 1 to so many bytes, evenly drawn; 0: not so.
    std::size_t random_up_to = 0;

    // "rest", "1", "1393,2,rest" or "random:1500".
    static Expected<Cut> from_text(std::string_view text);
    bool operator==(const Cut&) const = default;
};

// What happens to a stream at a chosen byte.
enum class Accident : std::uint8_t {
    kNone,
    kStall,      // nothing more passes: for ever, or for `stall_for`
    kReset,      // the connection is reset, both ways
    kHalfClose,  // this direction ends; what follows is swallowed, the other direction goes on
    kClose,      // the connection is closed in good order, without what follows
    kSwallow,    // what follows disappears, and the connection stays open
};

struct StreamOptions {
    Cut cut;
    std::chrono::microseconds gap{0};       // between one piece and the next
    milliseconds delay{0};                  // of every byte
    milliseconds jitter{0};                 // added, evenly drawn from [0, jitter] for what comes at one time
    std::uint64_t bytes_per_second = 0;     // 0: no limit; else pieces are at most kSlowPieceBytes
    std::size_t buffer_bytes = 256 * 1024;  // that wait at most, then the sender is held back

    Accident accident = Accident::kNone;
    std::uint64_t after_bytes = 0;  // that have passed when it happens
    std::optional<milliseconds> stall_for;
};

struct StreamCounts {
    std::uint64_t came = 0;       // bytes
    std::uint64_t passed = 0;     // bytes
    std::uint64_t pieces = 0;     // they passed in
    std::uint64_t swallowed = 0;  // bytes
    std::uint64_t accidents = 0;

    StreamCounts& operator+=(const StreamCounts& part);
};

// Thread: its owner's.
class StreamShaper {
public:
    // Pieces of a stream with a limited rate: an Ethernet segment's payload, so that it is slow evenly.
    static constexpr std::size_t kSlowPieceBytes = 1460;

    struct Step {
        enum class Kind : std::uint8_t {
            kPiece,  // bytes: to be sent, by themselves
            kEnd,    // of this direction
            kReset,  // of the connection
            kClose,  // of the connection
        };
        Kind kind;
        Bytes bytes;
    };

    StreamShaper(const StreamOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}

    // Bytes from the sender, at most room() of them where it is to be held back.
    void push(ByteView bytes, SteadyTime now);
    // The sender has ended; that arrives after everything that it sent.
    void finish(SteadyTime now);

    // What is to be done at `now`; nothing when there is nothing to do yet. After kEnd, kReset and kClose
    // nothing comes.
    std::optional<Step> take(SteadyTime now);
    // When take() has something to do though nothing is pushed; SteadyTime::min() is at once.
    std::optional<SteadyTime> next_deadline() const;

    // How many bytes may be pushed.
    std::size_t room() const;

    // Nothing passes until resume(), which also ends a stall that was an accident.
    void stall() { stalled_until_ = SteadyTime::max(); }
    void resume() { stalled_until_.reset(); }
    // From now on. What is on its way keeps its delay; bytes go on being counted from the stream's beginning,
    // and an accident that has happened may happen again.
    void set_options(const StreamOptions& options);

    const StreamCounts& counts() const { return counts_; }

private:
    struct Arrival {
        SteadyTime at;
        std::size_t bytes;
    };

    SteadyTime arrival(SteadyTime now);
    bool is_struck() const;
    std::optional<Step> strike(SteadyTime now);
    void swallow_what_waits();
    std::size_t next_size(std::size_t there);

    StreamOptions options_;
    std::mt19937_64 random_;
    std::deque<std::uint8_t> waiting_;
    std::deque<Arrival> arrivals_;  // of what waits, in order
    std::optional<SteadyTime> ends_at_;
    SteadyTime last_arrival_ = SteadyTime::min();
    SteadyTime free_at_ = SteadyTime::min();  // of the link, for the next piece
    std::optional<SteadyTime> stalled_until_;
    std::size_t turn_ = 0;  // in options_.cut.sizes
    bool struck_ = false;
    bool swallows_ = false;
    bool over_ = false;
    StreamCounts counts_;
};

}  // namespace narrowgate::sim
