// SPDX-License-Identifier: Apache-2.0
//
// From reset to main(): vectors, variables, the stack painted. Names in the linker script are addresses.
#include <string.h>

#include "boards/common/crash.h"
#include "boards/stm32f207/registers.h"
#include "boards/stm32f207/startup.h"

extern uint32_t st_stack_bottom[], st_stack_top[], st_data[], st_data_end[], st_data_image[], st_bss[],
    st_bss_end[];

#define PAINT UINT32_C(0xa5a5a5a5)

int main(void);
void st_reset(void);
_Noreturn void st_fault(const uint32_t* frame, uint32_t exception);

// The stack may be what went wrong: the handler gets a whole one, the frame of the fault by its address.
__attribute__((naked, noreturn)) static void fault(void) {
    __asm volatile(
        "mrs r0, msp\n"
        "mrs r1, ipsr\n"
        "ldr sp, =st_stack_top\n"
        "b st_fault\n");
}

_Noreturn void st_fault(const uint32_t* frame, uint32_t exception) {
    // A core that pushed r0-r3, r12, lr, pc, psr (DDI0403 section B1.5.6).
    const bool whole = frame >= st_stack_bottom && frame + 8 <= st_stack_top;
    const cr_fault record = {.exception = exception,
                             .pc = whole ? frame[6] : 0,
                             .lr = whole ? frame[5] : 0,
                             .psr = whole ? frame[7] : 0,
                             .cfsr = st_read(SCB_CFSR),
                             .hfsr = st_read(SCB_HFSR),
                             .address = st_read(SCB_BFAR)};
    st_on_fault(&record);
    st_reset_system();
}

typedef void (*vector)(void);

#define FAULT_3 fault, fault, fault
#define FAULT_13 FAULT_3, FAULT_3, FAULT_3, FAULT_3, fault

// Whatever has no handler of its own is a fault too.
__attribute__((section(".vectors"), used)) static const struct vectors {
    const uint32_t* stack;
    vector reset;
    vector exceptions[13];  // 2 to 14
    vector tick;
    vector before_usart3[ST_IRQ_USART3];
    vector usart3;
    vector before_usart6[ST_IRQ_USART6 - ST_IRQ_USART3 - 1];
    vector usart6;
    vector last[ST_IRQS - ST_IRQ_USART6 - 1];
} kVectors = {
    st_stack_top,
    st_reset,
    {FAULT_13},
    st_on_tick,
    {FAULT_13, FAULT_13, FAULT_13},
    st_on_usart3,
    {FAULT_13, FAULT_13, FAULT_3, fault, fault},
    st_on_usart6,
    {FAULT_3, FAULT_3, FAULT_3},
};
_Static_assert(sizeof(struct vectors) == 4 * (16 + ST_IRQS), "a vector for each exception and interrupt");

void st_reset(void) {
    st_write(SCB_VTOR, (uint32_t)(uintptr_t)&kVectors);
    memcpy(st_data, st_data_image, (size_t)((uint8_t*)st_data_end - (uint8_t*)st_data));
    memset(st_bss, 0, (size_t)((uint8_t*)st_bss_end - (uint8_t*)st_bss));
    // Up to what this function may have used itself.
    const uint32_t* end = (const uint32_t*)__builtin_frame_address(0) - 32;
    for (uint32_t* word = st_stack_bottom; word < end; ++word)
        *word = PAINT;
    st_set(SCB_SHCSR, SCB_SHCSR_FAULTS);
    st_set(SCB_CCR, SCB_CCR_DIV_0_TRP);
    main();
    st_reset_system();
}

void st_reset_system(void) {
    __asm volatile("dsb" ::: "memory");
    st_write(SCB_AIRCR, SCB_AIRCR_SYSRESETREQ);
    for (;;) {
    }
}

uint32_t st_stack_used(void) {
    const uint32_t* word = st_stack_bottom;
    while (word < st_stack_top && *word == PAINT)
        ++word;
    return (uint32_t)((uint8_t*)st_stack_top - (uint8_t*)word);
}
