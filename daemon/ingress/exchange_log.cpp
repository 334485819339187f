// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/exchange_log.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace narrowgate::daemon {
namespace {

// A cut may have gone through a character, or have left what is no path.
std::string readable_path(std::string_view path) {
    for (; !path.empty(); path.remove_suffix(1))
        if (const auto read = coap::UriPath::of(path)) return read->text();
    return {};
}

DeviceExchange told(const Exchange& exchange) {
    return {.arrived = exchange.arrived,
            .credential = exchange.credential,
            .message = exchange.message,
            .end = exchange.end,
            .method = exchange.method,
            .path = readable_path({exchange.path.data(), exchange.path_bytes}),
            .path_cut = exchange.path_cut,
            .code = exchange.code,
            .request_bytes = exchange.request_bytes,
            .response_bytes = exchange.response_bytes,
            .took = std::chrono::microseconds(exchange.took_microseconds)};
}

}  // namespace

void Exchange::set_path(const coap::UriPath& its_path) {
    path_bytes = 0;
    path_cut = false;
    const auto append = [this](std::string_view piece) {
        const std::size_t room = kPathBytes - path_bytes;
        const std::string_view fits = piece.substr(0, room);
        std::ranges::copy(fits, path.begin() + path_bytes);
        path_bytes = static_cast<std::uint8_t>(path_bytes + fits.size());
        path_cut = path_cut || fits.size() < piece.size();
    };
    for (std::size_t i = 0; i < its_path.size() && !path_cut; ++i) {
        if (i > 0) append("/");
        append(its_path.segments()[i]);
    }
}

Exchange Exchange::begun(const dtls::Receipt& receipt, ByteView message, coap::MessageFate fate,
                         std::size_t datagram_bytes, SteadyTime now) {
    Exchange exchange{.arrived = now,
                      .credential = receipt.credential,
                      .session = static_cast<std::uint32_t>(receipt.session),
                      .request_bytes = static_cast<std::uint16_t>(datagram_bytes),
                      .message = fate};
    if (const auto header = coap::peek_header(message)) {
        exchange.mid = header->mid;
        exchange.method = header->code;
    }
    return exchange;
}

void Exchange::finish(ExchangeEnd its_end, SteadyTime now, ByteView answer, std::size_t datagram_bytes) {
    constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
    end = its_end;
    response_bytes = static_cast<std::uint16_t>(datagram_bytes);
    if (const auto header = coap::peek_header(answer); header && datagram_bytes != 0) code = header->code;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - arrived).count();
    took_microseconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(took, 0, kMost));
}

void ExchangeLog::add(const Exchange& exchange) {
    if (exchanges_.size() < kKept) {
        exchanges_.push_back(exchange);
        return;
    }
    exchanges_[next_] = exchange;
    next_ = (next_ + 1) % kKept;
}

std::vector<DeviceExchange> ExchangeLog::last_of(std::span<const store::CredentialId> credentials,
                                                 std::size_t count) const {
    std::vector<const Exchange*> found;
    for (const Exchange& exchange : exchanges_)
        if (std::ranges::find(credentials, exchange.credential) != credentials.end())
            found.push_back(&exchange);
    // They were added when they ended. A duplicate of the same turn comes behind what it repeats.
    std::ranges::sort(found, {}, [](const Exchange* exchange) {
        return std::pair(exchange->arrived, is_duplicate(exchange->message));
    });

    std::vector<std::pair<const Exchange*, std::uint32_t>> shown;           // with its repeats
    std::map<std::pair<std::uint32_t, std::uint16_t>, std::size_t> latest;  // of a message ID, in `shown`
    for (const Exchange* exchange : found) {
        const std::pair key(exchange->session, exchange->mid);
        const auto repeated = is_duplicate(exchange->message) ? latest.find(key) : latest.end();
        if (repeated != latest.end()) {
            ++shown[repeated->second].second;
            continue;
        }
        latest[key] = shown.size();
        shown.emplace_back(exchange, 0);
    }

    std::vector<DeviceExchange> last;
    for (std::size_t i = shown.size(); i > 0 && last.size() < count; --i) {
        last.push_back(told(*shown[i - 1].first));
        last.back().repeats = shown[i - 1].second;
    }
    return last;
}

}  // namespace narrowgate::daemon
