// SPDX-License-Identifier: Apache-2.0
#include "firmware/register_model.hpp"

using narrowgate::firmware::RegisterModel;

std::uint32_t st_read(std::uint32_t address) {
    return RegisterModel::current().read(address);
}

void st_write(std::uint32_t address, std::uint32_t value) {
    RegisterModel::current().write(address, value);
}

void st_wait_for_event() {
    RegisterModel::current().sleep();
}

void st_wait_for_interrupt() {
    RegisterModel::current().wait();
}
