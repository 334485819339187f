// SPDX-License-Identifier: Apache-2.0
#include "bench/session_waker.hpp"

#include <algorithm>
#include <array>

#include "bench/session_node.hpp"
#include "narrowgate/dtls/record_layer.hpp"

namespace narrowgate::bench {
namespace {

constexpr milliseconds kLongestWait{20};

}  // namespace

SessionWaker::SessionWaker(const WakeOptions& options, NodeSocket& socket)
    : options_(options),
      socket_(socket),
      random_(options.seed),
      next_number_(options.sessions, options.numbers_from),
      awake_(options.sessions),
      window_(options.window) {}

void SessionWaker::begin(std::uint32_t place, Now now) {
    Request& request = window_[place];
    request.message.clear();
    if (to_begin_ == 0) return;
    --to_begin_;
    do {
        request.session = static_cast<std::uint32_t>(random_() % options_.sessions);
    } while (awake_[request.session]);
    awake_[request.session] = true;
    request.number = next_number_[request.session];
    request.records = records_of(request.session, 0);
    request.message = request_of(request.session, request.number);
    put_out(place, now);
}

void SessionWaker::put_out(std::uint32_t place, Now now) {
    Request& request = window_[place];
    request.records.next_sequence = next_number_[request.session]++;
    result_.highest_number =
        std::max(result_.highest_number, static_cast<std::uint32_t>(request.records.next_sequence));
    request.sent = now.steady;
    std::array<std::uint8_t, NodeSocket::kDatagramBytes> datagram;
    const auto size =
        dtls::seal_record(request.records, dtls::ContentType::kApplicationData, request.message, datagram);
    socket_.send(place, ByteView(datagram).first(size.value()));
}

void SessionWaker::take(std::uint32_t place, ByteView datagram, Now now) {
    if (place >= window_.size()) return;
    Request& request = window_[place];
    std::array<std::uint8_t, NodeSocket::kDatagramBytes> scratch;
    const auto opened = dtls::open_record(request.records, datagram, scratch);
    if (!opened || opened->content_type != dtls::ContentType::kApplicationData) {
        ++result_.unopened;
        return;
    }
    const Answer answer =
        request.message.empty() ? Answer::kOfAnother : read_answer(opened->payload, request.number);
    if (answer == Answer::kOfAnother) {
        ++result_.late;
        return;
    }
    ++(answer == Answer::kChanged ? result_.changed : result_.other);
    if (!result_.first_answer && answer == Answer::kChanged) result_.first_answer = now.steady;
    awake_[request.session] = false;
    begin(place, now);
}

void SessionWaker::repeat_late_ones(Now now) {
    if (now.steady < next_look_) return;
    next_look_ = now.steady + options_.repeat_after / 4;
    for (std::uint32_t place = 0; place < window_.size(); ++place) {
        if (window_[place].message.empty() || now.steady - window_[place].sent < options_.repeat_after)
            continue;
        ++result_.repeats;
        put_out(place, now);
    }
}

WakeResult SessionWaker::wake(std::uint64_t requests, seconds limit) {
    result_ = {};
    to_begin_ = requests;
    const Now start = clock_.now();
    for (std::uint32_t place = 0; place < window_.size(); ++place)
        begin(place, start);
    Now now = start;
    while (result_.changed + result_.other < requests && now.steady - start.steady < limit) {
        socket_.flush();
        std::optional<Now> arrival;  // one for a batch
        socket_.receive(std::min(options_.repeat_after, kLongestWait),
                        [&](std::uint32_t place, ByteView datagram) {
                            if (!arrival) arrival = clock_.now();
                            take(place, datagram, *arrival);
                        });
        now = arrival ? *arrival : clock_.now();
        repeat_late_ones(now);
    }
    result_.elapsed = now.steady - start.steady;
    return result_;
}

}  // namespace narrowgate::bench
