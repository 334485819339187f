// SPDX-License-Identifier: Apache-2.0
//
// A board in virtual time: nothing happens but what a test does to it. Its retained block outlives a "reset",
// which is a new stack of layers on the same board.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "port/port.h"

namespace narrowgate::firmware {

class VirtualPort {
public:
    explicit VirtualPort(std::uint64_t seed = 1) : random_(seed) {
        for (auto& byte : retained)
            byte = static_cast<std::uint8_t>(random_());  // memory after a loss of supply
        port_.self = this;
        port_.uart_write = [](void* self, const std::uint8_t* bytes, std::size_t size) {
            return of(self).write(bytes, size);
        };
        port_.uart_read = [](void* self, std::uint8_t* bytes, std::size_t size) {
            return of(self).read(bytes, size);
        };
        port_.uart_lost = [](void* self) { return std::exchange(of(self).lost, 0U); };
        port_.millis = [](void* self) { return of(self).now; };
        port_.seconds = [](void* self, std::uint32_t* seconds) {
            *seconds = of(self).has_clock ? of(self).calendar : 0;
            return of(self).has_clock;
        };
        port_.entropy = [](void* self, std::uint8_t* bytes, std::size_t size) {
            std::generate_n(bytes, size, [&] { return static_cast<std::uint8_t>(of(self).random_()); });
            return of(self).random_works;
        };
        port_.nv_read = [](void* self, std::size_t offset, std::uint8_t* bytes, std::size_t size) {
            const auto& nv = of(self).page;
            if (offset > nv.size() || size > nv.size() - offset) return false;
            std::copy_n(nv.begin() + static_cast<std::ptrdiff_t>(offset), size, bytes);
            return true;
        };
        port_.retained = [](void* self) { return of(self).retained.data(); };
        port_.sleep = [](void* self, port_depth depth, std::uint32_t ms) {
            of(self).sleeps.emplace_back(depth, ms);
        };
        port_.watchdog_feed = [](void* self) { ++of(self).fed; };
        port_.reset = [](void* self) { ++of(self).resets; };
        port_.modem_power = [](void* self, bool on) {
            of(self).modem_powered = on;
            of(self).modem_moves.emplace_back(on ? "power on" : "power off");
        };
        port_.modem_reset = [](void* self, bool held) {
            of(self).modem_moves.emplace_back(held ? "reset held" : "reset released");
        };
        port_.log = [](void* self, port_level level, const char* text) {
            of(self).lines.emplace_back(level, text);
        };
    }
    VirtualPort(const VirtualPort&) = delete;
    VirtualPort& operator=(const VirtualPort&) = delete;

    const port_table* get() const { return &port_; }

    // Lets time pass on both clocks.
    void advance(std::uint32_t ms) {
        now += ms;
        odd_milliseconds_ += ms;
        calendar += odd_milliseconds_ / 1000;
        odd_milliseconds_ %= 1000;
    }

    // What the modem says, and what was said to it since the last call.
    void type(std::string_view text) { incoming.insert(incoming.end(), text.begin(), text.end()); }
    std::string take_written() { return std::exchange(written, {}); }

    std::uint32_t now = 0xfffff000;  // about to wrap
    std::uint32_t calendar = 1'000;
    bool has_clock = true;
    bool random_works = true;
    std::uint32_t lost = 0;
    std::size_t write_room = SIZE_MAX;  // bytes that the next uart_write() takes
    std::deque<char> incoming;
    std::string written;
    std::vector<std::uint8_t> page = std::vector<std::uint8_t>(2048, 0xff);  // erased flash
    alignas(8) std::array<std::uint8_t, PORT_RETAINED_BYTES> retained{};
    std::vector<std::pair<port_depth, std::uint32_t>> sleeps;
    std::vector<std::pair<port_level, std::string>> lines;
    std::vector<std::string> modem_moves;
    bool modem_powered = false;
    unsigned fed = 0;
    unsigned resets = 0;

private:
    static VirtualPort& of(void* self) { return *static_cast<VirtualPort*>(self); }

    std::size_t write(const std::uint8_t* bytes, std::size_t size) {
        const std::size_t taken = std::min(size, write_room);
        written.append(bytes, bytes + taken);
        return taken;
    }
    std::size_t read(std::uint8_t* bytes, std::size_t size) {
        const std::size_t given = std::min(size, incoming.size());
        std::copy_n(incoming.begin(), given, bytes);
        incoming.erase(incoming.begin(), incoming.begin() + static_cast<std::ptrdiff_t>(given));
        return given;
    }

    port_table port_{};
    std::mt19937_64 random_;
    std::uint32_t odd_milliseconds_ = 0;
};

}  // namespace narrowgate::firmware
