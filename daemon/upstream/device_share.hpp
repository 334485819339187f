// SPDX-License-Identifier: Apache-2.0
//
// The part of an upstream's readings that one of its connections carries: a device's readings always take the
// same one, so that they keep their order.
#pragma once

#include <cstddef>
#include <memory>

#include "daemon/upstream/reading_source.hpp"

namespace narrowgate::daemon {

// Of `source`, the readings of the devices that are connection `index`'s of `count`. The same devices after a
// restart; other ones when `count` changes.
std::unique_ptr<ReadingSource> device_share(std::unique_ptr<ReadingSource> source, std::size_t index,
                                            std::size_t count);

}  // namespace narrowgate::daemon
