// SPDX-License-Identifier: Apache-2.0
//
// The firmware's DTLS client as a node of the gateway of tests/lib/dtls, in that gateway's virtual time.
// Counts what is on the air. `reset()` is what a board's reset leaves: the retained block, and nothing else.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dtls/stored.h"
#include "lib/dtls/gateway.hpp"
#include "port/port.h"

namespace narrowgate::firmware {

class DtlsNode {
public:
    explicit DtlsNode(dtls::Gateway& gateway, std::string identity = "node-0001", std::uint16_t port = 40'000)
        : path(dtls::path_from(port)), gateway_(gateway), identity_(std::move(identity)) {
        boot();
    }

    void reset() { boot(); }

    // Runs a handshake until nothing moves any more.
    bool shake_hands() {
        dt_start(&client(), now());
        exchange();
        return client().state == DT_ESTABLISHED;
    }

    // Carries datagrams both ways until both are silent.
    void exchange() {
        for (int turn = 0; turn < 100; ++turn) {
            const Bytes sending = taken();
            if (!sending.empty()) gateway_.receive(sending, path);
            const bool moved = deliver();
            if (sending.empty() && !moved) return;
        }
    }

    // What the node has to send; empty when nothing. Counts as on the air.
    Bytes taken() {
        std::size_t size = 0;
        const std::uint8_t* bytes = dt_take(&client(), &size);
        if (bytes == nullptr) return {};
        Bytes datagram(bytes, bytes + size);
        dt_sent(&client(), now());
        up_bytes += size;
        up.push_back(datagram);
        return datagram;
    }

    // What the gateway has sent here.
    bool deliver() {
        bool moved = false;
        for (const dtls::Sent& sent : gateway_.take_sent()) {
            if (sent.path != path) continue;
            moved = true;
            hears(sent.datagram);
        }
        return moved;
    }

    void hears(ByteView datagram) {
        down_bytes += datagram.size();
        down.emplace_back(datagram.begin(), datagram.end());
        const Bytes kept(datagram.begin(), datagram.end());
        dt_receive(&client(), kept.data(), kept.size(), now());
        std::array<std::uint8_t, DT_DATAGRAM_BYTES> plain;
        while (const std::size_t size = dt_read(&client(), plain.data(), plain.size(), now()))
            heard.emplace_back(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(size));
    }

    // One uplink from wherever the node is; false when the client would not seal it.
    bool says(std::string_view text) {
        if (!dt_write(&client(), bytes_of(text).data(), text.size(), now())) return false;
        fate = gateway_.receive(taken(), path);
        return true;
    }

    void advance(std::uint32_t ms) { gateway_.clock.advance(milliseconds(ms)); }

    std::uint32_t now() const {
        const auto since = gateway_.clock.now().steady - SteadyTime(std::chrono::hours(1));
        // About to wrap when a test begins.
        return 0xffffffe0U +
               static_cast<std::uint32_t>(std::chrono::duration_cast<milliseconds>(since).count());
    }

    dt_client& client() { return *client_; }
    void clear_counts() {
        up.clear();
        down.clear();
        up_bytes = down_bytes = 0;
    }

    Path path;
    dt_stored stored;
    bool random_works = true;
    Bytes psk = Bytes(16, 0x5a);
    std::vector<Bytes> up, down, heard;
    std::size_t up_bytes = 0, down_bytes = 0;
    dtls::Fate fate{};

private:
    void boot() {
        client_ = std::make_unique<dt_client>();
        std::memset(client_.get(), 0xa5, sizeof(dt_client));
        const dt_options options{
            .identity = bytes_of(identity_).data(),
            .identity_size = identity_.size(),
            .psk = psk.data(),
            .psk_size = psk.size(),
            .handshake_timeout_min_ms = DT_HANDSHAKE_TIMEOUT_MIN_MS,
            .handshake_timeout_max_ms = DT_HANDSHAKE_TIMEOUT_MAX_MS,
            .entropy =
                [](void* self, std::uint8_t* bytes, std::size_t size) {
                    auto& node = *static_cast<DtlsNode*>(self);
                    for (std::size_t i = 0; i < size; ++i)
                        bytes[i] = static_cast<std::uint8_t>(node.random_());
                    return node.random_works;
                },
            .context = this,
        };
        dt_init(client_.get(), &options);
    }

    dtls::Gateway& gateway_;
    std::string identity_;
    std::mt19937_64 random_{42};
    std::unique_ptr<dt_client> client_;
};

}  // namespace narrowgate::firmware
