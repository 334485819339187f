// SPDX-License-Identifier: Apache-2.0
//
// Filling a store through its own interface, as fast as its writer commits.
#pragma once

#include <cstdint>
#include <functional>

#include "narrowgate/store/store.hpp"

namespace narrowgate::bench {

// Submits what `unit_of` makes for 0 to `count` - 1, in order, and waits until all of it is committed. Fails
// when something could not be: the store is full, or its disk. Thread: any; `unit_of` is called on the
// caller's.
Expected<void> submit_all(store::Store& store, std::uint64_t count,
                          const std::function<store::Unit(std::uint64_t at)>& unit_of);

}  // namespace narrowgate::bench
