// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/error.hpp"

#include <system_error>

namespace narrowgate {

std::string system_message(int error_number) {
    return std::generic_category().message(error_number);
}

}  // namespace narrowgate
