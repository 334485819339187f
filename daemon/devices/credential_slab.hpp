// SPDX-License-Identifier: Apache-2.0
//
// Where the credentials in memory lie: a million of them in 50 MB.
//
// An entry is 16 bytes, then what it has of: not_before, not_after, replaces (8 bytes each), identity, device
// name (absent when it is the identity), key; rounded up to 8. With a key of 16 bytes and an identity of 12
// that is the name too: 48 bytes. Entries lie in chunks of 64 KiB, so memory grows by little and never moves;
// the room of one that went is wiped, and used again by the next of its size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/store/devices.hpp"

namespace narrowgate::daemon {

// Thread: one at a time; at() by many while nobody changes it.
class CredentialSlab {
public:
    using Handle = std::uint32_t;

    // Views are good until the entry is erased.
    struct Entry {
        store::CredentialId id = 0;
        std::uint32_t fleet = 0;
        std::string_view identity;
        std::string_view device;
        ByteView psk;
        std::optional<WallTime> not_before;
        std::optional<WallTime> not_after;
        store::CredentialId replaces = 0;
    };

    CredentialSlab() = default;
    ~CredentialSlab();  // wipes
    CredentialSlab(CredentialSlab&& other) = delete;

    // Copies the entry. Its texts are at most 255 bytes each, as is its key: anything longer aborts.
    Handle put(const Entry& entry);
    Entry at(Handle handle) const;
    // `handle` is not valid any more.
    void erase(Handle handle);

private:
    static constexpr std::size_t kUnit = 8;  // bytes
    static constexpr std::size_t kChunkUnits = 8192;
    static constexpr std::size_t kMaxUnits = 128;  // of one entry; what the fields can take is 101

    std::uint8_t* address_of(Handle handle) const;

    std::vector<std::unique_ptr<std::uint8_t[]>> chunks_;
    std::size_t used_ = kChunkUnits;                   // units of the last chunk
    std::array<std::vector<Handle>, kMaxUnits> free_;  // by size in units
};

}  // namespace narrowgate::daemon
