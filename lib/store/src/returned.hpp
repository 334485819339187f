// SPDX-License-Identifier: Apache-2.0
//
// Dead letters that wait for their upstream again. Their pages may be gone from the journal, and their
// numbers lie in the midst of what is done: the rows of `dead_letter` hold them until they are taken.
#pragma once

#include <cstdint>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

struct Returned {
    ReadingNumber number = 0;
    std::uint64_t bytes = 0;  // as stored
    WallTime since{};
};

// One that was taken: its row is to go.
struct ReturnedDone {
    UpstreamId upstream = 0;
    ReadingNumber number = 0;
};

}  // namespace narrowgate::store
