// SPDX-License-Identifier: Apache-2.0
//
// What happened to devices: the last few events of each in a row of its own, and what the journal holds of
// them since it was last folded.
#pragma once

#include <string_view>
#include <vector>

#include "narrowgate/store/unit.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the writer's.
class DevicePast {
public:
    explicit DevicePast(Database& database);

    // Within the caller's transaction: an event of this device, or of every device there is at that time
    // (`event.device` is not looked at).
    void add(const DeviceEvent& event);
    void add_to_all(const DeviceEvent& event);

    // An event that is in the journal.
    void apply(DeviceEvent&& event) { unfolded_.push_back(std::move(event)); }
    std::size_t unfolded() const { return unfolded_.size(); }

    // A fold by slices, as SessionTable's.
    void begin_fold();
    bool folding() const { return !folding_.empty(); }
    bool fold_slice();
    void slice_done() { next_ = after_slice_; }
    void fold_done();

    std::vector<DeviceEvent> newest(std::string_view device, std::size_t count);

private:
    std::vector<DeviceEvent> read(std::string_view device);    // oldest first
    std::vector<DeviceEvent> of_all(std::string_view device);  // … of those that are every device's

    Statement get_;
    Statement put_;
    Statement added_;
    std::vector<DeviceEvent> unfolded_;
    std::vector<DeviceEvent> folding_;  // by device, oldest first
    std::size_t next_ = 0;
    std::size_t after_slice_ = 0;
};

// As the row holds them, oldest first. Nothing when the bytes are not a whole list.
Bytes encode_events(std::span<const DeviceEvent> events);
std::optional<std::vector<DeviceEvent>> decode_events(ByteView bytes, std::string_view device);

}  // namespace narrowgate::store
