// SPDX-License-Identifier: Apache-2.0
//
// Key material: wiped when it goes, never printed. There is no operator<< and no formatter, on purpose.
#pragma once

#include "narrowgate/base/bytes.hpp"

namespace narrowgate {

// Overwrites `bytes` in a way that the optimizer must keep.
void wipe(MutableBytes bytes);

// Owns secret bytes of any length. Moves leave nothing behind; copies are asked for by name.
class Secret {
public:
    Secret() = default;
    explicit Secret(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
    // Takes the bytes over; the vector handed in is left empty.
    explicit Secret(Bytes&& bytes) : bytes_(std::move(bytes)) { bytes.clear(); }
    ~Secret() { wipe(bytes_); }
    Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    Secret copy() const { return Secret(view()); }
    ByteView view() const { return bytes_; }
    std::size_t size() const { return bytes_.size(); }
    bool empty() const { return bytes_.empty(); }

private:
    Bytes bytes_;
};

}  // namespace narrowgate
