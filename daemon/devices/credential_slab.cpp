// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/credential_slab.hpp"

#include <cstdlib>
#include <cstring>

#include "narrowgate/base/secret.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kMaxFieldBytes = 255;

enum Has : std::uint8_t { kHasNotBefore = 1, kHasNotAfter = 2, kHasReplaces = 4, kHasDevice = 8 };

struct Header {
    store::CredentialId id = 0;
    std::uint32_t fleet = 0;
    std::uint8_t has = 0;
    std::uint8_t identity_bytes = 0;
    std::uint8_t device_bytes = 0;
    std::uint8_t psk_bytes = 0;
};
static_assert(sizeof(Header) == 16);

Header header_at(const std::uint8_t* from) {
    Header header;
    std::memcpy(&header, from, sizeof(header));
    return header;
}

std::size_t bytes_of_entry(const Header& header) {
    std::size_t bytes = sizeof(Header);
    for (const Has field : {kHasNotBefore, kHasNotAfter, kHasReplaces})
        bytes += (header.has & field) != 0 ? sizeof(std::uint64_t) : 0;
    return bytes + header.identity_bytes + header.device_bytes + header.psk_bytes;
}

class FieldWriter {
public:
    explicit FieldWriter(std::uint8_t* to) : to_(to) {}
    template <class Value>
    void value(const Value& value) {
        bytes({reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
    }
    void bytes(ByteView bytes) {
        if (!bytes.empty()) std::memcpy(to_, bytes.data(), bytes.size());
        to_ += bytes.size();
    }

private:
    std::uint8_t* to_;
};

class FieldReader {
public:
    explicit FieldReader(const std::uint8_t* from) : from_(from) {}
    template <class Value>
    Value value() {
        Value value{};
        std::memcpy(&value, from_, sizeof(value));
        from_ += sizeof(value);
        return value;
    }
    ByteView bytes(std::size_t count) {
        const ByteView bytes(from_, count);
        from_ += count;
        return bytes;
    }

private:
    const std::uint8_t* from_;
};

}  // namespace

CredentialSlab::~CredentialSlab() {
    for (const auto& chunk : chunks_)
        wipe({chunk.get(), kChunkUnits * kUnit});
}

std::uint8_t* CredentialSlab::address_of(Handle handle) const {
    return chunks_[handle / kChunkUnits].get() + handle % kChunkUnits * kUnit;
}

CredentialSlab::Handle CredentialSlab::put(const Entry& entry) {
    const bool named = entry.device != entry.identity;
    if (entry.identity.size() > kMaxFieldBytes || entry.device.size() > kMaxFieldBytes ||
        entry.psk.size() > kMaxFieldBytes) {
        std::abort();
    }
    const Header header{
        .id = entry.id,
        .fleet = entry.fleet,
        .has = static_cast<std::uint8_t>((entry.not_before ? kHasNotBefore : 0) |
                                         (entry.not_after ? kHasNotAfter : 0) |
                                         (entry.replaces != 0 ? kHasReplaces : 0) | (named ? kHasDevice : 0)),
        .identity_bytes = static_cast<std::uint8_t>(entry.identity.size()),
        .device_bytes = static_cast<std::uint8_t>(named ? entry.device.size() : 0),
        .psk_bytes = static_cast<std::uint8_t>(entry.psk.size()),
    };
    const std::size_t units = (bytes_of_entry(header) + kUnit - 1) / kUnit;
    Handle handle = 0;
    if (!free_[units].empty()) {
        handle = free_[units].back();
        free_[units].pop_back();
    } else {
        if (used_ + units > kChunkUnits) {
            chunks_.push_back(std::make_unique<std::uint8_t[]>(kChunkUnits * kUnit));
            used_ = 0;
        }
        handle = static_cast<Handle>((chunks_.size() - 1) * kChunkUnits + used_);
        used_ += units;
    }
    FieldWriter to(address_of(handle));
    to.value(header);
    if (entry.not_before) to.value(*entry.not_before);
    if (entry.not_after) to.value(*entry.not_after);
    if (entry.replaces != 0) to.value(entry.replaces);
    to.bytes(narrowgate::bytes_of(entry.identity));
    if (named) to.bytes(narrowgate::bytes_of(entry.device));
    to.bytes(entry.psk);
    return handle;
}

CredentialSlab::Entry CredentialSlab::at(Handle handle) const {
    FieldReader from(address_of(handle));
    const auto header = from.value<Header>();
    Entry entry;
    entry.id = header.id;
    entry.fleet = header.fleet;
    if ((header.has & kHasNotBefore) != 0) entry.not_before = from.value<WallTime>();
    if ((header.has & kHasNotAfter) != 0) entry.not_after = from.value<WallTime>();
    if ((header.has & kHasReplaces) != 0) entry.replaces = from.value<store::CredentialId>();
    entry.identity = text_of(from.bytes(header.identity_bytes));
    entry.device = (header.has & kHasDevice) != 0 ? text_of(from.bytes(header.device_bytes)) : entry.identity;
    entry.psk = from.bytes(header.psk_bytes);
    return entry;
}

void CredentialSlab::erase(Handle handle) {
    std::uint8_t* const bytes = address_of(handle);
    const std::size_t units = (bytes_of_entry(header_at(bytes)) + kUnit - 1) / kUnit;
    wipe({bytes, units * kUnit});
    free_[units].push_back(handle);
}

}  // namespace narrowgate::daemon
