// SPDX-License-Identifier: Apache-2.0
//
// The update that a device shadow gets: what is known of a device, as its reported state.
//
//   {"state":{"reported":{"volume":17.25,"meter":{"temperature":21.5,"door":true}}},"clientToken":"0f8c…-42"}
//
// A SenML name becomes keys: what names the device goes ("urn:dev:{device}:volume" is "volume"), a '/' begins
// a level, and what would lie deeper than the service takes stays in one key. A record that names nothing but
// the device, or has a value of its own beside deeper ones, is called "value".
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/payload/records.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class ShadowDocument {
public:
    using Key = std::vector<std::string>;

    // The keys of a record, outermost first; at least one.
    static Key key_of(const payload::Record& record);
    // A later value of the same key takes the place of the earlier one.
    void set(const Key& key, const payload::Record& record);
    bool empty() const { return values_.empty(); }
    // One JSON object, UTF-8. `token` comes back in the service's answers.
    std::string render(std::string_view token) const;

private:
    std::map<Key, std::string> values_;  // as JSON
};

}  // namespace narrowgate::daemon
