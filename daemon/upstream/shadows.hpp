// SPDX-License-Identifier: Apache-2.0
//
// Readings as updates of device shadows. All that waits of a device goes in one update, and the newest value
// wins; an old reading that comes late, from the backlog, never takes the place of a newer one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/upstream/profile.hpp"
#include "daemon/upstream/shadow_document.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class Shadows {
public:
    // `places`, ascending and at least one, are readings of `waiting` that go to the shadow of this topic.
    // The parcel takes the first of them and as many others as its document has room for.
    Parcel next(std::span<const Reading> waiting, std::span<const std::size_t> places,
                const std::string& topic);

private:
    // Of how many values of things it is known which reading they were last taken from: enough for the
    // devices that report while a backlog drains. Some 150 bytes each. What is forgotten can only be
    // overtaken wrongly until its device reports again.
    static constexpr std::size_t kMostKnown = 65'536;

    using Known = std::unordered_map<std::string, ReadingNumber>;

    bool is_overtaken(const std::string& value, ReadingNumber number) const;
    void know(std::string&& value, ReadingNumber number);

    // Two halves: what was not touched while the other half filled goes at once.
    Known young_;
    Known old_;
};

}  // namespace narrowgate::daemon
