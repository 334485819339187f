// SPDX-License-Identifier: Apache-2.0
//
// The registers that the node uses, and how they are reached. Addresses and bits are RM0033's (the reference
// manual of the STM32F205/207) and, for the core, those of the ARMv7-M Architecture Reference Manual
// (DDI0403).
//
// A driver names registers by address and goes through st_read() and st_write() alone, so that a test has a
// model of the hardware behind the same code.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_REGISTERS_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ST_BIT(n) (UINT32_C(1) << (n))

#ifdef NARROWGATE_REGISTER_MODEL
// The test's. It has no patience for the second that a crystal may take.
#define ST_READS(reads) ((reads) / 1000u + 100u)
uint32_t st_read(uint32_t address);
void st_write(uint32_t address, uint32_t value);
void st_wait_for_event(void);
void st_wait_for_interrupt(void);
#else
#define ST_READS(reads) (reads)
static inline uint32_t st_read(uint32_t address) {
    return *(volatile uint32_t*)address;
}
static inline void st_write(uint32_t address, uint32_t value) {
    *(volatile uint32_t*)address = value;
}
// The first WFE takes an event that is left from before, the second one sleeps.
static inline void st_wait_for_event(void) {
    __asm volatile("sev\n wfe\n dsb\n wfe" ::: "memory");
}
static inline void st_wait_for_interrupt(void) {
    __asm volatile("wfi" ::: "memory");
}
#endif

static inline void st_set(uint32_t address, uint32_t bits) {
    st_write(address, st_read(address) | bits);
}
static inline void st_clear(uint32_t address, uint32_t bits) {
    st_write(address, st_read(address) & ~bits);
}
static inline void st_replace(uint32_t address, uint32_t mask, uint32_t bits) {
    st_write(address, (st_read(address) & ~mask) | bits);
}
// Reads at most `reads` times until the bits of `mask` are `wanted`. No driver waits in another way: what
// does not come must not stop the node.
static inline bool st_wait(uint32_t address, uint32_t mask, uint32_t wanted, uint32_t reads) {
    for (reads = ST_READS(reads); reads > 0; --reads)
        if ((st_read(address) & mask) == wanted) return true;
    return false;
}

// Reset and clock control: RM0033, chapter RCC.
#define RCC_CR UINT32_C(0x40023800)
#define RCC_CR_HSION ST_BIT(0)
#define RCC_CR_HSIRDY ST_BIT(1)
#define RCC_CR_HSEON ST_BIT(16)
#define RCC_CR_HSERDY ST_BIT(17)
#define RCC_CR_HSEBYP ST_BIT(18)
#define RCC_CR_CSSON ST_BIT(19)
#define RCC_CR_PLLON ST_BIT(24)
#define RCC_CR_PLLRDY ST_BIT(25)
#define RCC_PLLCFGR UINT32_C(0x40023804)
#define RCC_PLLCFGR_M(m) (m)
#define RCC_PLLCFGR_N(n) ((n) << 6)
#define RCC_PLLCFGR_P2 0u
#define RCC_PLLCFGR_SRC_HSE ST_BIT(22)
#define RCC_PLLCFGR_Q(q) ((q) << 24)
#define RCC_CFGR UINT32_C(0x40023808)
#define RCC_CFGR_SW 3u
#define RCC_CFGR_SW_HSI 0u
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_HSI (0u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_PRESCALERS ((15u << 4) | (7u << 10) | (7u << 13))
#define RCC_CFGR_PPRE1_4 (5u << 10)
#define RCC_CFGR_PPRE2_2 (4u << 13)
#define RCC_CIR UINT32_C(0x4002380c)
#define RCC_CIR_CSSF ST_BIT(7)
#define RCC_CIR_CSSC ST_BIT(23)
#define RCC_AHB1ENR UINT32_C(0x40023830)
#define RCC_AHB1ENR_GPIO(port) ST_BIT(port)
#define RCC_AHB1ENR_BKPSRAM ST_BIT(18)
#define RCC_AHB2ENR UINT32_C(0x40023834)
#define RCC_AHB2ENR_RNG ST_BIT(6)
#define RCC_APB1ENR UINT32_C(0x40023840)
#define RCC_APB1ENR_USART3 ST_BIT(18)
#define RCC_APB1ENR_PWR ST_BIT(28)
#define RCC_APB2ENR UINT32_C(0x40023844)
#define RCC_APB2ENR_USART6 ST_BIT(5)
#define RCC_APB2ENR_ADC1 ST_BIT(8)
#define RCC_APB2ENR_SYSCFG ST_BIT(14)
#define RCC_BDCR UINT32_C(0x40023870)
#define RCC_BDCR_LSEON ST_BIT(0)
#define RCC_BDCR_LSERDY ST_BIT(1)
#define RCC_BDCR_RTCSEL (3u << 8)
#define RCC_BDCR_RTCSEL_LSE (1u << 8)
#define RCC_BDCR_RTCSEL_LSI (2u << 8)
#define RCC_BDCR_RTCEN ST_BIT(15)
#define RCC_BDCR_BDRST ST_BIT(16)
#define RCC_CSR UINT32_C(0x40023874)
#define RCC_CSR_LSION ST_BIT(0)
#define RCC_CSR_LSIRDY ST_BIT(1)
#define RCC_CSR_RMVF ST_BIT(24)
#define RCC_CSR_BORRSTF ST_BIT(25)
#define RCC_CSR_PINRSTF ST_BIT(26)
#define RCC_CSR_PORRSTF ST_BIT(27)
#define RCC_CSR_SFTRSTF ST_BIT(28)
#define RCC_CSR_IWDGRSTF ST_BIT(29)
#define RCC_CSR_WWDGRSTF ST_BIT(30)
#define RCC_CSR_LPWRRSTF ST_BIT(31)

// Flash interface: PM0059.
#define FLASH_ACR UINT32_C(0x40023c00)
#define FLASH_ACR_LATENCY 7u
#define FLASH_ACR_ICEN ST_BIT(9)
#define FLASH_ACR_DCEN ST_BIT(10)

// Power control: RM0033, chapter PWR.
#define PWR_CR UINT32_C(0x40007000)
#define PWR_CR_LPDS ST_BIT(0)
#define PWR_CR_PDDS ST_BIT(1)
#define PWR_CR_CWUF ST_BIT(2)
#define PWR_CR_CSBF ST_BIT(3)
#define PWR_CR_DBP ST_BIT(8)
#define PWR_CR_FPDS ST_BIT(9)
#define PWR_CSR UINT32_C(0x40007004)
#define PWR_CSR_WUF ST_BIT(0)
#define PWR_CSR_SBF ST_BIT(1)
#define PWR_CSR_BRR ST_BIT(3)
#define PWR_CSR_BRE ST_BIT(9)

// Pins: RM0033, chapter GPIO. `port`: 0 is A.
#define GPIO_BASE(port) (UINT32_C(0x40020000) + UINT32_C(0x400) * (port))
#define GPIO_MODER 0x00u
#define GPIO_OTYPER 0x04u
#define GPIO_OSPEEDR 0x08u
#define GPIO_PUPDR 0x0cu
#define GPIO_IDR 0x10u
#define GPIO_BSRR 0x18u
#define GPIO_AFRL 0x20u
#define GPIO_AFRH 0x24u

// Serial ports: RM0033, chapter USART.
#define USART3_BASE UINT32_C(0x40004800)
#define USART6_BASE UINT32_C(0x40011400)
#define USART_SR 0x00u
#define USART_SR_FE ST_BIT(1)
#define USART_SR_NF ST_BIT(2)
#define USART_SR_ORE ST_BIT(3)
#define USART_SR_RXNE ST_BIT(5)
#define USART_SR_TC ST_BIT(6)
#define USART_SR_TXE ST_BIT(7)
#define USART_DR 0x04u
#define USART_BRR 0x08u
#define USART_CR1 0x0cu
#define USART_CR1_RE ST_BIT(2)
#define USART_CR1_TE ST_BIT(3)
#define USART_CR1_RXNEIE ST_BIT(5)
#define USART_CR1_UE ST_BIT(13)
#define USART_CR2 0x10u
#define USART_CR3 0x14u

// Random number generator: RM0033, chapter RNG.
#define RNG_CR UINT32_C(0x50060800)
#define RNG_CR_RNGEN ST_BIT(2)
#define RNG_SR UINT32_C(0x50060804)
#define RNG_SR_DRDY ST_BIT(0)
#define RNG_SR_CECS ST_BIT(1)
#define RNG_SR_SECS ST_BIT(2)
#define RNG_SR_CEIS ST_BIT(5)
#define RNG_SR_SEIS ST_BIT(6)
#define RNG_DR UINT32_C(0x50060808)

// Real-time clock: RM0033, chapter RTC.
#define RTC_TR UINT32_C(0x40002800)
#define RTC_DR UINT32_C(0x40002804)
#define RTC_CR UINT32_C(0x40002808)
#define RTC_CR_WUCKSEL 7u
#define RTC_CR_WUCKSEL_DIV16 0u
#define RTC_CR_WUCKSEL_SPRE 4u
#define RTC_CR_WUCKSEL_SPRE_17_BITS 6u
#define RTC_CR_WUTE ST_BIT(10)
#define RTC_CR_WUTIE ST_BIT(14)
#define RTC_ISR UINT32_C(0x4000280c)
#define RTC_ISR_WUTWF ST_BIT(2)
#define RTC_ISR_INITS ST_BIT(4)
#define RTC_ISR_RSF ST_BIT(5)
#define RTC_ISR_INITF ST_BIT(6)
#define RTC_ISR_INIT ST_BIT(7)
#define RTC_ISR_WUTF ST_BIT(10)
#define RTC_PRER UINT32_C(0x40002810)
#define RTC_WUTR UINT32_C(0x40002814)
#define RTC_WPR UINT32_C(0x40002824)
#define RTC_BKPR(n) (UINT32_C(0x40002850) + 4u * (n))

// Independent watchdog: RM0033, chapter IWDG.
#define IWDG_KR UINT32_C(0x40003000)
#define IWDG_PR UINT32_C(0x40003004)
#define IWDG_RLR UINT32_C(0x40003008)
#define IWDG_SR UINT32_C(0x4000300c)

// Analogue-to-digital converter 1: RM0033, chapter ADC.
#define ADC1_SR UINT32_C(0x40012000)
#define ADC_SR_EOC ST_BIT(1)
#define ADC1_CR1 UINT32_C(0x40012004)
#define ADC1_CR2 UINT32_C(0x40012008)
#define ADC_CR2_ADON ST_BIT(0)
#define ADC_CR2_SWSTART ST_BIT(30)
#define ADC1_SMPR1 UINT32_C(0x4001200c)
#define ADC1_SQR1 UINT32_C(0x4001202c)
#define ADC1_SQR3 UINT32_C(0x40012034)
#define ADC1_DR UINT32_C(0x4001204c)
#define ADC_CCR UINT32_C(0x40012304)
#define ADC_CCR_ADCPRE_4 (1u << 16)
#define ADC_CCR_ADCPRE (3u << 16)
#define ADC_CCR_TSVREFE ST_BIT(23)

// External interrupts and events, and which port a line belongs to: RM0033, chapters EXTI and SYSCFG.
#define SYSCFG_EXTICR(n) (UINT32_C(0x40013808) + 4u * (n))
#define EXTI_EMR UINT32_C(0x40013c04)
#define EXTI_RTSR UINT32_C(0x40013c08)
#define EXTI_FTSR UINT32_C(0x40013c0c)
#define EXTI_PR UINT32_C(0x40013c14)
#define EXTI_LINE_RTC_WAKEUP ST_BIT(22)

// The core: DDI0403 sections B3.2 to B3.4.
#define SYSTICK_CTRL UINT32_C(0xe000e010)
#define SYSTICK_CTRL_ENABLE ST_BIT(0)
#define SYSTICK_CTRL_TICKINT ST_BIT(1)
#define SYSTICK_CTRL_CLKSOURCE ST_BIT(2)
#define SYSTICK_LOAD UINT32_C(0xe000e014)
#define SYSTICK_VAL UINT32_C(0xe000e018)
#define NVIC_ISER(n) (UINT32_C(0xe000e100) + 4u * (n))
#define SCB_VTOR UINT32_C(0xe000ed08)
#define SCB_AIRCR UINT32_C(0xe000ed0c)
#define SCB_AIRCR_SYSRESETREQ UINT32_C(0x05fa0004)
#define SCB_SCR UINT32_C(0xe000ed10)
#define SCB_SCR_SLEEPDEEP ST_BIT(2)
#define SCB_SHCSR UINT32_C(0xe000ed24)
#define SCB_SHCSR_FAULTS (ST_BIT(16) | ST_BIT(17) | ST_BIT(18))  // memory, bus and usage have handlers
#define SCB_CCR UINT32_C(0xe000ed14)
#define SCB_CCR_DIV_0_TRP ST_BIT(4)
#define SCB_CFSR UINT32_C(0xe000ed28)
#define SCB_HFSR UINT32_C(0xe000ed2c)
#define SCB_MMFAR UINT32_C(0xe000ed34)
#define SCB_BFAR UINT32_C(0xe000ed38)

// Interrupts: RM0033, vector table.
#define ST_IRQ_USART3 39u
#define ST_IRQ_USART6 71u
#define ST_IRQS 81u

static inline void st_enable_interrupt(uint32_t irq) {
    st_write(NVIC_ISER(irq / 32), ST_BIT(irq % 32));
}

// Memory that a board uses by its address.
#define ST_PROVISIONING_PAGE \
    UINT32_C(0x080e0000)  // the last sector, 128 KB: PM0059, flash module organisation
#define ST_PROVISIONING_BYTES UINT32_C(0x20000)
#define ST_BACKUP_SRAM UINT32_C(0x40024000)  // 4 KB: RM0033, memory map

// Where a chip of this family has its calibration, in halves of words: nothing and the reference, the
// temperature sensor at 30 and at 110 degrees. It is documented for the STM32F4; of an STM32F207 it is
// believed when it is possible.
#define ST_CALIBRATION(n) (UINT32_C(0x1fff7a28) + 4u * (n))

#ifdef __cplusplus
}
#endif

#endif
