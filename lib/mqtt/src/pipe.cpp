// SPDX-License-Identifier: Apache-2.0
#include "pipe.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "alert.hpp"

namespace narrowgate::mqtt {

Pipe::Pipe(io::EventLoop& loop, io::FileDescriptor library, io::FileDescriptor broker, Bytes early,
           TraceLog& trace, std::function<void()> done)
    : loop_(loop),
      trace_(trace),
      done_(std::move(done)),
      to_broker_(flow_of(Direction::kToServer, std::max(kBufferBytes, early.size()))),
      from_broker_(flow_of(Direction::kFromServer, kAnswerBytes)) {
    library_.fd = std::move(library);
    broker_.fd = std::move(broker);
    std::ranges::copy(early, to_broker_.buffer.get());
    to_broker_.end = early.size();
    trace_.watch_socket(broker_.fd.get());
    look_at(to_broker_, early);
    watch(broker_, io::Ready::kWrite | io::Ready::kRead);
    watch(library_, io::Ready::kRead);
}

Pipe::Flow Pipe::flow_of(Direction direction, std::size_t size) {
    return {direction, size, std::make_unique_for_overwrite<std::uint8_t[]>(size), 0, 0, false, false, {}};
}

Pipe::~Pipe() {
    trace_.watch_socket(-1);
}

void Pipe::watch(End& end, io::Ready wanted) {
    if (end.wanted == wanted) return;
    end.wanted = wanted;
    if (wanted == io::Ready::kNothing) {
        // Not watched at all: a hang-up would be reported again and again while there is nothing to do about
        // it.
        end.source = {};
    } else if (end.source) {
        end.source.wait_for(wanted);
    } else {
        end.source = loop_.watch(end.fd.get(), wanted, [this](io::Ready) { turn(); });
    }
}

void Pipe::turn() {
    // Both, though the first may fail: a broker that closes on us often says why before.
    const bool sent = move(to_broker_);
    const bool whole = move(from_broker_) && sent;
    if (!whole || (to_broker_.write_over && from_broker_.write_over)) {
        library_.source = {};
        broker_.source = {};
        // Last: the owner destroys this.
        const auto done = std::exchange(done_, nullptr);
        done();
        return;
    }
    const auto wanted_of = [](const Flow& out_of, const Flow& into) {
        io::Ready wanted = io::Ready::kNothing;
        if (!out_of.read_over && out_of.begin == out_of.end) wanted = wanted | io::Ready::kRead;
        if (into.begin != into.end) wanted = wanted | io::Ready::kWrite;
        return wanted;
    };
    watch(library_, wanted_of(to_broker_, from_broker_));
    watch(broker_, wanted_of(from_broker_, to_broker_));
}

bool Pipe::move(Flow& flow) {
    if (flow.begin != flow.end && !drain(flow)) return false;
    if (flow.begin != flow.end) return true;
    if (!flow.read_over && !fill(flow)) return false;
    if (flow.begin != flow.end && !drain(flow)) return false;
    if (flow.read_over && flow.begin == flow.end && !flow.write_over) {
        flow.write_over = true;
        (void)::shutdown(target_of(flow).fd.get(), SHUT_WR);
    }
    return true;
}

bool Pipe::fill(Flow& flow) {
    const End& from = source_of(flow);
    const ssize_t count = ::recv(from.fd.get(), flow.buffer.get(), flow.size, 0);
    if (count < 0) {
        if (errno == EAGAIN || errno == EINTR) return true;
        broke(from, errno);
        return false;
    }
    if (count == 0) {
        flow.read_over = true;
        const std::size_t pending = flow.meter.pending_bytes();
        trace_.add(TraceStep::Kind::kClosed,
                   fmt::format("{} closed{}", flow.direction == Direction::kToServer ? "we" : "the broker",
                               pending == 0 ? "" : fmt::format(", {} bytes into a TLS record", pending)));
        return true;
    }
    flow.begin = 0;
    flow.end = static_cast<std::size_t>(count);
    look_at(flow, ByteView(flow.buffer.get(), flow.end));
    return true;
}

bool Pipe::drain(Flow& flow) {
    const End& to = target_of(flow);
    const ssize_t count =
        ::send(to.fd.get(), flow.buffer.get() + flow.begin, flow.end - flow.begin, MSG_NOSIGNAL);
    if (count < 0) {
        if (errno == EAGAIN || errno == EINTR) return true;
        broke(to, errno);
        return false;
    }
    flow.begin += static_cast<std::size_t>(count);
    return true;
}

void Pipe::broke(const End& end, int error_number) {
    trace_.add(TraceStep::Kind::kClosed,
               fmt::format("{}: {}", &end == &broker_ ? "the broker's connection" : "our side",
                           system_message(error_number)),
               error_number);
}

void Pipe::look_at(Flow& flow, ByteView bytes) {
    const auto on_record = [&](const RecordSeen& record) {
        TraceStep step;
        step.kind = TraceStep::Kind::kRecord;
        step.direction = flow.direction;
        step.content_type = record.content_type;
        step.size_bytes = record.size_bytes;
        if (record.content_type == kTypeHandshake && !record.after_change_cipher_spec &&
            record.content_bytes > 0) {
            step.handshake_type = record.head[0];
        }
        // An alert is two bytes; encrypted ones are longer (RFC 8446 section 6, RFC 5246 section 7.2).
        if (record.content_type == kTypeAlert && record.content_bytes == 2) {
            step.kind = TraceStep::Kind::kAlert;
            step.code = record.head[1];
            step.detail = alert_name(record.head[1]);
        }
        trace_.add(std::move(step));
    };
    trace_.count(flow.direction, bytes.size());
    flow.meter.feed(bytes, on_record);
    trace_.set_partial(flow.direction, flow.meter.pending());
}

}  // namespace narrowgate::mqtt
