// SPDX-License-Identifier: Apache-2.0
//
// What is counted of each device: one body a device in use, opaque here. It goes with its device, and it is
// no part of the journal: written now and then, so that a crash takes what was counted since.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

inline constexpr std::size_t kMaxFiguresBytes = 512;  // of one body

// A device in use with its figures.
struct FiguresRow {
    std::string device;  // its name
    std::string fleet;
    CredentialId credential = 0;             // the newest of its credentials in use; 0: none
    std::optional<seconds> report_interval;  // of its own
    Bytes body;                              // empty: nothing has been counted
};

// A change of some devices' figures, in one commit between two others: some hundreds of devices at once are
// right.
struct FiguresChange {
    std::vector<std::string> devices;  // names; one that is unknown or revoked is passed over
    // Called on the writer thread with what the row has (empty: there is none); returns what it shall have,
    // at most kMaxFiguresBytes.
    std::function<Bytes(std::string_view device, ByteView before)> merge;
    // Called on the writer thread when it is on disk, or cannot be written: then nothing has changed.
    std::function<void(Expected<void> written)> done;
};

// Every device in use. Thread: one at a time. Must be gone before its Store. Errors: the disk's.
class FiguresReader {
public:
    using Take = std::function<void(FiguresRow&&)>;
    virtual ~FiguresReader() = default;

    // The next `count` rows by name; false when those were the last.
    virtual Expected<bool> next(std::size_t count, const Take& take) = 0;
};

}  // namespace narrowgate::store
