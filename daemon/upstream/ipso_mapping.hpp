// SPDX-License-Identifier: Apache-2.0
//
// From SenML records to the resources of LwM2M's sensor objects (IPSO): a fleet's own [[map]]s first, then a
// table by name and unit. docs/pelion.md shows the table.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "daemon/upstream/resource_map.hpp"
#include "narrowgate/payload/records.hpp"

namespace narrowgate::daemon {

// The newest value of each resource, as text.
using ResourceValues = std::map<ResourcePath, std::string>;

// Longer texts have no place: the newest value of every node is kept in memory.
inline constexpr std::size_t kMaxValueBytes = 1024;
// Of one node; what would be beyond has no place.
inline constexpr std::size_t kMaxNodeResources = 64;

// Which of an object's instances each name of one node has got. Names that come together get 0, 1, 2, … in
// their order as text; a name keeps its instance, and one that comes later gets the next that is free.
// Thread: its owner's.
class Instances {
public:
    struct Key {
        std::uint16_t object = 0;
        std::uint16_t resource = 0;
        std::string name;

        auto operator<=>(const Key&) const = default;
    };

    std::optional<std::uint16_t> find(const Key& key) const;
    // Gives `key` the lowest instance that is neither in `taken` nor another name's. False when the node has
    // kMaxNodeResources already.
    bool assign(const Key& key, const std::set<ResourcePath>& taken);

private:
    std::map<Key, std::uint16_t> by_key_;
    std::set<ResourcePath> used_;
};

struct MappedReading {
    ResourceValues values;
    std::size_t unmapped = 0;  // records that have no place
};

// Thread: any, once made.
class IpsoMapping {
public:
    IpsoMapping() = default;
    explicit IpsoMapping(std::span<const ResourceMap> maps);

    // Of several records for one resource the last counts. `instances` is the node's.
    MappedReading apply(std::span<const payload::Record> records, Instances& instances) const;
    // Whether apply() would find a place for any of them.
    bool maps_any(std::span<const payload::Record> records) const;

private:
    struct Target {
        std::uint16_t object = 0;
        std::optional<std::uint16_t> instance;  // nothing: by Instances
        std::uint16_t resource = 0;
        bool with_unit = false;  // as resource 5701 beside the value
    };
    std::optional<Target> target_of(const payload::Record& record) const;

    std::vector<ResourceMap> maps_;
    std::set<ResourcePath> taken_;
};

// What follows "{device}" and its separator in a record's name: "volume" of "urn:dev:{device}:volume". A name
// without the device is returned whole.
std::string_view short_name(std::string_view name);

}  // namespace narrowgate::daemon
