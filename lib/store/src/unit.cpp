// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/unit.hpp"

#include <utility>

namespace narrowgate::store {

SessionRow SessionRow::with(Secret other) const {
    return {.id = id,
            .credential = credential,
            .cid = cid,
            .secret = std::move(other),
            .confirmed = confirmed,
            .path = path,
            .lease_end = lease_end,
            .right_edge = right_edge,
            .window = window,
            .established = established,
            .last_seen = last_seen,
            .heard = heard,
            .traffic = traffic};
}

}  // namespace narrowgate::store
