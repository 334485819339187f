// SPDX-License-Identifier: Apache-2.0
//
// Two TCP connections made one: the library's on loopback and ours to the broker. Bytes pass in both
// directions, in any pieces, with back-pressure and half-closes kept; each direction is metered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/io/file_descriptor.hpp"
#include "record_meter.hpp"
#include "trace_log.hpp"

namespace narrowgate::mqtt {

// Thread: the loop's.
class Pipe {
public:
    // `early` are bytes that the library has sent already. `done` is called once, when both directions are
    // over or one has failed; it may destroy the pipe. `trace` outlives it.
    Pipe(io::EventLoop& loop, io::FileDescriptor library, io::FileDescriptor broker, Bytes early,
         TraceLog& trace, std::function<void()> done);
    ~Pipe();
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

private:
    // A large publish to the broker: one read, one write. Its answers are small.
    static constexpr std::size_t kBufferBytes = 64 * 1024;
    static constexpr std::size_t kAnswerBytes = 16 * 1024;

    struct End {
        io::FileDescriptor fd;
        io::Source source;
        io::Ready wanted = io::Ready::kNothing;
    };
    // What `from` has sent and `to` has not taken.
    struct Flow {
        Direction direction;
        std::size_t size;                        // of the buffer, in bytes …
        std::unique_ptr<std::uint8_t[]> buffer;  // … of which the kernel gives what is written to
        std::size_t begin = 0;
        std::size_t end = 0;
        bool read_over = false;   // no more to come from the one end
        bool write_over = false;  // and the other has been told
        RecordMeter meter;
    };

    static Flow flow_of(Direction direction, std::size_t size);
    End& source_of(const Flow& flow) { return flow.direction == Direction::kToServer ? library_ : broker_; }
    End& target_of(const Flow& flow) { return flow.direction == Direction::kToServer ? broker_ : library_; }
    // False when the pipe is broken.
    bool move(Flow& flow);
    bool fill(Flow& flow);
    bool drain(Flow& flow);
    void turn();
    void watch(End& end, io::Ready wanted);
    void look_at(Flow& flow, ByteView bytes);
    void broke(const End& end, int error_number);

    io::EventLoop& loop_;
    TraceLog& trace_;
    std::function<void()> done_;
    End library_;
    End broker_;
    Flow to_broker_;
    Flow from_broker_;
};

}  // namespace narrowgate::mqtt
