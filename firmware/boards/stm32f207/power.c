// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/power.h"

#include "boards/stm32f207/registers.h"

st_cause st_power_cause(void) {
    const uint32_t flags = st_read(RCC_CSR);
    const bool was_standby = (st_read(PWR_CSR) & PWR_CSR_SBF) != 0;
    st_set(RCC_CSR, RCC_CSR_RMVF);
    st_set(PWR_CR, PWR_CR_CSBF | PWR_CR_CWUF);
    // Power on clears this one, and waking up may set others.
    if (was_standby) return ST_CAUSE_STANDBY;
    // The pin's flag goes with each of the others, that of brown-out with power on.
    if ((flags & RCC_CSR_PORRSTF) != 0) return ST_CAUSE_POWER_ON;
    if ((flags & RCC_CSR_BORRSTF) != 0) return ST_CAUSE_BROWN_OUT;
    if ((flags & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF)) != 0) return ST_CAUSE_WATCHDOG;
    if ((flags & RCC_CSR_SFTRSTF) != 0) return ST_CAUSE_SOFTWARE;
    return ST_CAUSE_PIN;
}

void st_power_standby(void) {
    // The flag is cleared when nothing can set it again: what wakes is an edge that comes later (RM0033,
    // safe clearing of the wake-up flag).
    st_replace(PWR_CR, PWR_CR_PDDS | PWR_CR_CWUF | PWR_CR_CSBF, PWR_CR_PDDS | PWR_CR_CWUF | PWR_CR_CSBF);
    st_set(SCB_SCR, SCB_SCR_SLEEPDEEP);
    st_wait_for_event();
    st_clear(SCB_SCR, SCB_SCR_SLEEPDEEP);
}

void st_power_stop(st_pin wake) {
    st_set(RCC_APB2ENR, RCC_APB2ENR_SYSCFG);
    const uint32_t shift = 4u * (wake.number % 4u);
    st_replace(SYSCFG_EXTICR(wake.number / 4u), 15u << shift, (uint32_t)wake.port << shift);
    st_set(EXTI_FTSR, ST_BIT(wake.number));
    st_set(EXTI_RTSR, EXTI_LINE_RTC_WAKEUP);
    // As events: nothing but this sleep takes note of them.
    st_set(EXTI_EMR, ST_BIT(wake.number) | EXTI_LINE_RTC_WAKEUP);
    st_replace(PWR_CR, PWR_CR_PDDS | PWR_CR_LPDS | PWR_CR_FPDS | PWR_CR_CWUF,
               PWR_CR_LPDS | PWR_CR_FPDS | PWR_CR_CWUF);
    st_set(SCB_SCR, SCB_SCR_SLEEPDEEP);
    st_wait_for_event();
    st_clear(SCB_SCR, SCB_SCR_SLEEPDEEP);
    st_clear(EXTI_EMR, ST_BIT(wake.number) | EXTI_LINE_RTC_WAKEUP);
}
