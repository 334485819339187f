// SPDX-License-Identifier: Apache-2.0
//
// What a gateway says to the node's CoAP client: authentic, but perhaps not ours, or not well. The first byte
// says in which state the client is, or that it fetches block by block; the rest is cut into messages by
// their length bytes. Reached: the parser, piggybacked, separate and repeated answers, resets. Held: nothing
// is read outside a message (each has exactly its own memory), an exchange ends at most once, and what is
// sent back is an ACK or a RST of four bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "coap/blocks.h"

namespace {

// Each message answers the request for the next block: its message ID and token are made to fit.
int fetch_blocks(co_client& client, const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kCapacity = 700;
    const std::unique_ptr<std::uint8_t[]> out(new std::uint8_t[kCapacity]);
    const co_request request{.method = CO_GET,
                             .confirmable = true,
                             .path = "t",
                             .content_format = CO_NO_FORMAT,
                             .accept = CO_NO_FORMAT,
                             .no_response = 0,
                             .payload = nullptr,
                             .payload_size = 0,
                             .block2 = nullptr,
                             .time_ms = nullptr};
    co_blocks blocks;
    co_blocks_init(&blocks, &request, out.get(), kCapacity);
    for (std::size_t at = 1; at < size && co_blocks_ask(&blocks, &client);) {
        const std::size_t length = std::min<std::size_t>(data[at], size - at - 1);
        const std::unique_ptr<std::uint8_t[]> message(new std::uint8_t[length]);
        if (length != 0) std::memcpy(message.get(), data + at + 1, length);
        at += 1 + length;
        if (length >= 5) {
            message[2] = static_cast<std::uint8_t>(client.mid >> 8);
            message[3] = static_cast<std::uint8_t>(client.mid);
            message[4] = client.token;
        }
        std::size_t taken = 0;
        (void)co_take(&client, 0, &taken);
        if (co_receive(&client, message.get(), length, 0) && client.state == CO_ANSWERED)
            co_blocks_take(&blocks, &client.response);
        co_close(&client);
        while (co_take(&client, 0, &taken) != nullptr) {
        }
        if (blocks.size > kCapacity) std::abort();
    }
    return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    co_client client;
    const co_options options{10'000, 4, 90'000, [](void*) -> std::uint32_t { return 0x3412; }, nullptr};
    co_init(&client, &options, nullptr);
    if ((data[0] & 8) != 0) return fetch_blocks(client, data, size);
    const co_request request{.method = CO_POST,
                             .confirmable = (data[0] & 1) != 0,
                             .path = "t",
                             .content_format = CO_NO_FORMAT,
                             .accept = CO_NO_FORMAT,
                             .no_response = static_cast<std::uint8_t>((data[0] & 2) != 0 ? CO_NO_SUCCESS : 0),
                             .payload = nullptr,
                             .payload_size = 0,
                             .block2 = nullptr,
                             .time_ms = nullptr};
    std::uint32_t now = 0;
    std::size_t taken = 0;
    if ((data[0] & 4) == 0) {
        if (!co_begin(&client, &request) || co_take(&client, now, &taken) == nullptr) std::abort();
    }
    int endings = 0;
    for (std::size_t at = 1; at < size;) {
        const std::size_t length = std::min<std::size_t>(data[at], size - at - 1);
        const std::unique_ptr<std::uint8_t[]> message(new std::uint8_t[length]);
        if (length != 0) std::memcpy(message.get(), data + at + 1, length);
        at += 1 + length;
        now += 1'000;
        if (co_receive(&client, message.get(), length, now)) {
            ++endings;
            if (!co_is_over(client.state)) std::abort();
            if (co_retry_after_s(&client.response) != 0 && client.response.code != CO_TOO_MANY_REQUESTS &&
                client.response.code != CO_SERVICE_UNAVAILABLE)
                std::abort();
            const co_message& response = client.response;
            if (response.payload_size > length || (response.payload_size != 0 && response.payload == nullptr))
                std::abort();
        }
        co_step(&client, now);
        while (co_take(&client, now, &taken) != nullptr)
            if (client.state != CO_WAITING && taken != CO_EMPTY_BYTES) std::abort();
    }
    if (endings > 1) std::abort();
    return 0;
}
