// SPDX-License-Identifier: Apache-2.0
//
// What another program says: it is started, heard to its end, and never outlives the call.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

struct ChildOutput {
    std::string text;  // of its standard output
    bool cut = false;  // there was more, or it was not heard to its end
    int status = 0;    // its exit status; 128 and the signal
};

// Runs `arguments[0]`, found in PATH, without input and without what it says on standard error. It is killed
// when it says more than `most` bytes or takes longer than `patience`. Fails when it cannot be started.
// Thread: any.
Expected<ChildOutput> output_of(const std::vector<std::string>& arguments, std::size_t most,
                                milliseconds patience);

}  // namespace narrowgate::daemon
