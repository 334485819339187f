// SPDX-License-Identifier: Apache-2.0
//
// What an STM32F207 does by itself when its registers are written: oscillators that start, a backup domain
// that keeps its content, a clock that wants a key. What of it does not work is the test's to choose.
#pragma once

#include "firmware/register_model.hpp"

namespace narrowgate::firmware {

class Stm32Chip : public RegisterModel {
public:
    Stm32Chip() {
        model_clock_tree();
        model_backup_domain();
        model_calendar();
    }

    bool hse_works = true, locks_on_hse = true, locks_on_hsi = true, switches = true;
    bool regulator_works = true, lse_works = true, lsi_works = true;
    bool takes_dates = true, synchronises = true, timer_works = true;
    bool unlocked() const { return unlocked_; }

private:
    void model_clock_tree() {
        values[RCC_CR] = RCC_CR_HSION | RCC_CR_HSIRDY;
        values[RCC_PLLCFGR] = 0x24003010;  // after a reset
        on_write[RCC_CR] = [this](std::uint32_t, std::uint32_t now) {
            now &= ~(RCC_CR_HSERDY | RCC_CR_PLLRDY);
            if ((now & RCC_CR_HSEON) != 0 && hse_works) now |= RCC_CR_HSERDY;
            const bool from_hse = (values[RCC_PLLCFGR] & RCC_PLLCFGR_SRC_HSE) != 0;
            if ((now & RCC_CR_PLLON) != 0 && (from_hse ? locks_on_hse : locks_on_hsi)) now |= RCC_CR_PLLRDY;
            return now;
        };
        on_write[RCC_CFGR] = [this](std::uint32_t old, std::uint32_t now) {
            const std::uint32_t status = switches ? (now & RCC_CFGR_SW) << 2 : old & RCC_CFGR_SWS;
            return (now & ~RCC_CFGR_SWS) | status;
        };
    }

    void model_backup_domain() {
        on_write[PWR_CSR] = follows(PWR_CSR_BRE, PWR_CSR_BRR, regulator_works);
        on_write[RCC_BDCR] = [this](std::uint32_t old, std::uint32_t now) {
            if ((now & RCC_BDCR_BDRST) != 0) return RCC_BDCR_BDRST;
            // The source of the clock is chosen once.
            if ((old & RCC_BDCR_RTCSEL) != 0) now = (now & ~RCC_BDCR_RTCSEL) | (old & RCC_BDCR_RTCSEL);
            return follows(RCC_BDCR_LSEON, RCC_BDCR_LSERDY, lse_works)(old, now);
        };
        on_write[RCC_CSR] = follows(RCC_CSR_LSION, RCC_CSR_LSIRDY, lsi_works);
    }

    void model_calendar() {
        on_write[RTC_WPR] = [this](std::uint32_t, std::uint32_t key) {
            unlocked_ = key == 0x53 && last_key_ == 0xca;
            last_key_ = key;
            return key;
        };
        on_write[RTC_ISR] = [this](std::uint32_t old, std::uint32_t now) {
            if (!unlocked_) return old;
            // Flags go by 0 and do not come by 1.
            std::uint32_t flags = old & now & (RTC_ISR_WUTF | RTC_ISR_RSF | RTC_ISR_INITS);
            if (synchronises) flags |= RTC_ISR_RSF;
            if ((now & RTC_ISR_INIT) != 0 && takes_dates) flags |= RTC_ISR_INIT | RTC_ISR_INITF;
            return flags | (old & RTC_ISR_WUTWF);
        };
        on_write[RTC_CR] = [this](std::uint32_t old, std::uint32_t now) {
            if (!unlocked_) return old;
            const bool off = (now & RTC_CR_WUTE) == 0;
            if (off && timer_works)
                values[RTC_ISR] |= RTC_ISR_WUTWF;
            else
                values[RTC_ISR] &= ~RTC_ISR_WUTWF;
            return now;
        };
        for (const std::uint32_t address : {RTC_TR, RTC_DR, RTC_PRER})
            on_write[address] = [this, address](std::uint32_t old, std::uint32_t now) {
                const bool may = unlocked_ && (values[RTC_ISR] & RTC_ISR_INITF) != 0;
                if (may && address == RTC_DR) values[RTC_ISR] |= RTC_ISR_INITS;
                return may ? now : old;
            };
        on_write[RTC_WUTR] = [this](std::uint32_t old, std::uint32_t now) {
            return unlocked_ && (values[RTC_ISR] & RTC_ISR_WUTWF) != 0 ? now : old;
        };
    }

    bool unlocked_ = false;
    std::uint32_t last_key_ = 0;
};

}  // namespace narrowgate::firmware
