# SPDX-License-Identifier: Apache-2.0
#
# Debian's gcc-arm-none-eabi with newlib-nano, for the Cortex-M3 of an STM32F207.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m3)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# --specs once only: the driver fails when it is given twice.
set(CMAKE_C_FLAGS_INIT "-mcpu=cortex-m3 -mthumb -ffunction-sections -fdata-sections -fno-common --specs=nano.specs")
set(CMAKE_C_FLAGS_RELEASE "-Os -g" CACHE STRING "Size first: the budget is 64 KB of flash")
