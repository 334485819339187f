// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

Uuid random_uuid();  // RFC 9562 section 5.4

}  // namespace narrowgate::store
