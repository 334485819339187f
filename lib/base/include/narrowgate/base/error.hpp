// SPDX-License-Identifier: Apache-2.0
//
// An error that a person will read: what is wrong and where, and what to do about it. Errors on the
// datagram path are small enums instead (each with a counter), never this.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace narrowgate {

struct Error {
    // What is wrong, and where: file, line, key, device or upstream.
    std::string what;
    // What to do. Empty only where nothing can be done.
    std::string cure;

    // "WHAT; CURE", or "WHAT" alone.
    std::string text() const { return cure.empty() ? what : what + "; " + cure; }
};

template <class T>
using Expected = std::expected<T, Error>;

inline std::unexpected<Error> failure(std::string what, std::string cure = {}) {
    return std::unexpected(Error{std::move(what), std::move(cure)});
}

// The operating system's words for `error_number` (errno), for use inside an Error.
std::string system_message(int error_number);

}  // namespace narrowgate
