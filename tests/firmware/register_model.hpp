// SPDX-License-Identifier: Apache-2.0
//
// The registers of an STM32F207 as the drivers see them: values by address, what a write or a read does
// beside, and the order in which all was written. What works of the chip is the test's to choose.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "boards/stm32f207/registers.h"

namespace narrowgate::firmware {

struct Write {
    std::uint32_t address, value;
    bool operator==(const Write&) const = default;
};

class RegisterModel {
public:
    RegisterModel() { current_ = this; }
    ~RegisterModel() { current_ = nullptr; }
    RegisterModel(const RegisterModel&) = delete;
    RegisterModel& operator=(const RegisterModel&) = delete;

    static RegisterModel& current() { return *current_; }

    std::uint32_t read(std::uint32_t address) {
        ++reads;
        const auto found = on_read.find(address);
        return found == on_read.end() ? values[address] : found->second(values[address]);
    }
    void write(std::uint32_t address, std::uint32_t value) {
        writes.push_back({address, value});
        const auto found = on_write.find(address);
        values[address] = found == on_write.end() ? value : found->second(values[address], value);
    }
    void sleep() {
        ++sleeps;
        if (on_sleep) on_sleep();
    }

    void wait() {
        if (on_interrupt) on_interrupt();
    }

    // Where the first write of these bits is among all writes; -1: there is none.
    long position_of(std::uint32_t address, std::uint32_t bits) const {
        const auto found = std::ranges::find_if(writes, [&](const Write& write) {
            return write.address == address && (write.value & bits) == bits;
        });
        return found == writes.end() ? -1 : found - writes.begin();
    }
    // Both were written, the one before the other.
    bool in_order(const Write& first, const Write& second) const {
        const long at = position_of(first.address, first.value);
        return at >= 0 && at < position_of(second.address, second.value);
    }
    std::vector<std::uint32_t> written_to(std::uint32_t address) const {
        std::vector<std::uint32_t> found;
        for (const Write& write : writes)
            if (write.address == address) found.push_back(write.value);
        return found;
    }

    std::map<std::uint32_t, std::uint32_t> values;
    // Old and written value; what it holds then.
    std::map<std::uint32_t, std::function<std::uint32_t(std::uint32_t, std::uint32_t)>> on_write;
    // Its value; what is read.
    std::map<std::uint32_t, std::function<std::uint32_t(std::uint32_t)>> on_read;
    std::function<void()> on_sleep;      // WFE: stop or standby
    std::function<void()> on_interrupt;  // WFI: what comes then
    std::vector<Write> writes;
    std::uint64_t reads = 0;
    int sleeps = 0;

private:
    inline static RegisterModel* current_ = nullptr;
};

// A bit that hardware raises when the bit that asks for it is set, if `works`, and takes back with it.
inline auto follows(std::uint32_t asks, std::uint32_t answers, const bool& works) {
    return [asks, answers, &works](std::uint32_t, std::uint32_t now) {
        return (now & asks) == asks && works ? now | answers : now & ~answers;
    };
}

}  // namespace narrowgate::firmware
