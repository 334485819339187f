// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/ipso_mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace narrowgate::daemon {
namespace {

// Reusable resources of the OMA registry.
constexpr std::uint16_t kSensorValue = 5700;
constexpr std::uint16_t kSensorUnits = 5701;
constexpr std::uint16_t kDigitalInputState = 5500;

// The translator makes these two objects itself, with a value (5700) and a reset (5605), and nothing else can
// be added: what comes first, of whatever resource, lands in 5700.
constexpr std::uint16_t kTemperature = 3303;
constexpr std::uint16_t kHumidity = 3304;

struct Row {
    std::string_view unit;  // empty: any
    std::string_view name;  // the short one; empty: any
    std::uint16_t object;
    std::uint16_t resource = kSensorValue;
    bool with_unit = false;  // where the object does not say it already
};

// The first that fits counts: names before units. Units are SenML's (RFC 8428 section 12.1, RFC 8798).
// Numbers are those of the OMA's LwM2M registry (github.com/OpenMobileAlliance/lwm2m-registry, a file an
// object), in each object's newest version: 1.1, and 2.0 of 3336, which has numbers (6051, 6052) where 1.0
// had texts.
constexpr std::array kTable = {
    Row{"", "presence", 3302, kDigitalInputState},
    Row{"W", "active-power", 3305, 5800},
    Row{"", "actuation", 3306, 5850},
    Row{"", "set-point", 3308, 5900, true},
    Row{"m/s2", "x", 3313, 5702},
    Row{"m/s2", "y", 3313, 5703},
    Row{"m/s2", "z", 3313, 5704},
    Row{"Pa", "barometer", 3315},
    Row{"m", "depth", 3319},
    Row{"m", "altitude", 3321},
    Row{"", "power-factor", 3329},
    Row{"", "colour", 3335, 5706},
    Row{"", "position", 3337, 5536},
    Row{"", "switch", 3342, kDigitalInputState},
    Row{"", "button", 3347, kDigitalInputState},
    Row{"lx", "", 3301},
    Row{"lux", "", 3301},
    Row{"Cel", "", kTemperature},
    Row{"%RH", "", kHumidity},
    Row{"V", "", 3316},
    Row{"A", "", 3317},
    Row{"Hz", "", 3318},
    Row{"%", "", 3320},
    Row{"/100", "", 3320},
    Row{"%EL", "", 3320},
    Row{"kg", "", 3322},
    Row{"Pa", "", 3323},
    Row{"dB", "", 3324},
    Row{"ppm", "", 3325, kSensorValue, true},
    Row{"pH", "", 3326},
    Row{"S/m", "", 3327},
    Row{"W", "", 3328},
    Row{"m", "", 3330},
    Row{"J", "", 3331, kSensorValue, true},
    Row{"Wh", "", 3331, kSensorValue, true},
    Row{"kWh", "", 3331, kSensorValue, true},
    Row{"deg", "", 3332, 5705},
    Row{"lat", "", 3336, 6051},
    Row{"lon", "", 3336, 6052},
    // No object of their own: the generic sensor, with the unit beside the value.
    Row{"count", "", 3300, kSensorValue, true},
    Row{"s", "", 3300, kSensorValue, true},
    Row{"m3", "", 3300, kSensorValue, true},
    Row{"l", "", 3300, kSensorValue, true},
    Row{"m3/s", "", 3300, kSensorValue, true},
    Row{"l/s", "", 3300, kSensorValue, true},
    Row{"m/s", "", 3300, kSensorValue, true},
    Row{"m/s2", "", 3300, kSensorValue, true},
    Row{"W/m2", "", 3300, kSensorValue, true},
    Row{"1/s", "", 3300, kSensorValue, true},
    Row{"dBm", "", 3300, kSensorValue, true},
};

// Resources that sensor objects have beside their value: input counter, time stamp and its fraction, least
// and greatest measured and possible, units, application type, sensor type, calibration, quality.
constexpr std::array<std::uint16_t, 13> kCommonResources = {5501, 5518, 6050, 5601, 5602, 5603, 5604,
                                                            5701, 5750, 5751, 5821, 6042, 6049};

// What else the registry has for an object of the table, and a [[map]] may name.
struct Further {
    std::uint16_t object;
    std::uint16_t first;  // to `last`
    std::uint16_t last;
};
constexpr std::array kFurther = {
    Further{3302, 5903, 5904},  // delays between clear and busy
    Further{3305, 5801, 5806},  // active power: least, greatest, cumulative
    Further{3305, 5810, 5816},  // reactive power
    Further{3305, 5820, 5820},  // power factor
    Further{3306, 5851, 5853},  // dimmer, time on, state as a text
    Further{3308, 5706, 5706},  // colour
    Further{3336, 5514, 5517},  // texts of version 1.0: latitude, longitude, uncertainty; velocity
    Further{3336, 5705, 5705},  // direction
    Further{3336, 6053, 6053},  // uncertainty
    Further{3337, 5519, 5520},  // least and greatest position
    Further{3337, 5537, 5538},  // transition time and what remains of it
    Further{3342, 5852, 5852},  // time on
    Further{3342, 5854, 5854},  // time off
};

// LwM2M's registry: objects of other bodies and of vendors, not those that manage a device.
constexpr std::uint16_t kLeastObject = 2048;
constexpr std::uint16_t kGreatestObject = 42'768;
constexpr std::uint16_t kGreatestResource = 32'768;

bool is_in_table(std::uint16_t object) {
    return std::ranges::find(kTable, object, &Row::object) != kTable.end();
}

bool has_resource(std::uint16_t object, std::uint16_t resource) {
    if (std::ranges::find(kCommonResources, resource) != kCommonResources.end()) return true;
    const auto is_further = [&](const Further& further) {
        return further.object == object && further.first <= resource && resource <= further.last;
    };
    if (std::ranges::any_of(kFurther, is_further)) return true;
    return std::ranges::any_of(
        kTable, [&](const Row& row) { return row.object == object && row.resource == resource; });
}

// What the translator keeps: bytes of a C string. Nothing when there are none.
std::optional<std::string> value_of(const payload::Record& record) {
    using Kind = payload::Record::Kind;
    if (record.kind == Kind::kSum || record.value.empty()) return std::nullopt;
    if (record.kind == Kind::kBoolean) return record.value == "true" ? "1" : "0";
    std::string value;
    for (const char c : record.value) {
        if (c == '\0') {
            value += "\xEF\xBF\xBD";  // U+FFFD
        } else {
            value += c;
        }
    }
    if (value.size() > kMaxValueBytes) return std::nullopt;
    return value;
}

}  // namespace

std::string to_text(const ResourcePath& path) {
    return fmt::format("/{}/{}/{}", path.object, path.instance, path.resource);
}

std::optional<std::string> problem_of(const ResourcePath& path) {
    if (path.object < kLeastObject || path.object > kGreatestObject) {
        return fmt::format("is of no object for sensors: these are {} to {}", kLeastObject, kGreatestObject);
    }
    if (path.resource > kGreatestResource) return "is of no resource of LwM2M: these end at 32768";
    if ((path.object == kTemperature || path.object == kHumidity) && path.resource != kSensorValue) {
        return fmt::format("cannot be had: the translator makes /{}/{}/5700 of whatever comes first there",
                           path.object, path.instance);
    }
    if (is_in_table(path.object) && !has_resource(path.object, path.resource)) {
        return fmt::format("is unknown: object {} has no resource {}", path.object, path.resource);
    }
    return std::nullopt;
}

std::string_view short_name(std::string_view name) {
    constexpr std::string_view kDevice = "{device}";
    const auto at = name.find(kDevice);
    if (at == std::string_view::npos) return name;
    std::string_view rest = name.substr(at + kDevice.size());
    // The characters that a SenML name may have between words (RFC 8428 section 4.5.1).
    const auto begin = rest.find_first_not_of(":./_-");
    return begin == std::string_view::npos ? name : rest.substr(begin);
}

std::optional<std::uint16_t> Instances::find(const Key& key) const {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    return found->second;
}

bool Instances::assign(const Key& key, const std::set<ResourcePath>& taken) {
    if (by_key_.size() >= kMaxNodeResources) return false;
    ResourcePath path{.object = key.object, .instance = 0, .resource = key.resource};
    while (taken.contains(path) || used_.contains(path))
        ++path.instance;
    used_.insert(path);
    by_key_.emplace(key, path.instance);
    return true;
}

IpsoMapping::IpsoMapping(std::span<const ResourceMap> maps) : maps_(maps.begin(), maps.end()) {
    for (const ResourceMap& map : maps_)
        taken_.insert(map.path);
}

std::optional<IpsoMapping::Target> IpsoMapping::target_of(const payload::Record& record) const {
    const std::string_view name = short_name(record.name);
    for (const ResourceMap& map : maps_) {
        if (map.name != name && map.name != record.name) continue;
        if (!map.unit.empty() && map.unit != record.unit) continue;
        return Target{.object = map.path.object,
                      .instance = map.path.instance,
                      .resource = map.path.resource,
                      .with_unit = false};
    }
    for (const Row& row : kTable) {
        if (!row.name.empty() && row.name != name) continue;
        if (!row.unit.empty() && row.unit != record.unit) continue;
        return Target{.object = row.object,
                      .instance = std::nullopt,
                      .resource = row.resource,
                      .with_unit = row.with_unit};
    }
    return std::nullopt;
}

bool IpsoMapping::maps_any(std::span<const payload::Record> records) const {
    return std::ranges::any_of(
        records, [&](const payload::Record& record) { return target_of(record) && value_of(record); });
}

MappedReading IpsoMapping::apply(std::span<const payload::Record> records, Instances& instances) const {
    struct Found {
        Target target;
        const payload::Record* record;
        std::string value;
    };
    MappedReading mapped;
    std::vector<Found> found;
    std::set<Instances::Key> unknown;  // in the order of their names
    const auto key_of = [](const Found& one) {
        return Instances::Key{one.target.object, one.target.resource, one.record->name};
    };
    for (const payload::Record& record : records) {
        const auto target = target_of(record);
        auto value = value_of(record);
        if (!target || !value) {
            ++mapped.unmapped;
            continue;
        }
        found.push_back({*target, &record, *std::move(value)});
        if (!target->instance && !instances.find(key_of(found.back()))) unknown.insert(key_of(found.back()));
    }
    for (const Instances::Key& key : unknown)
        (void)instances.assign(key, taken_);
    for (Found& one : found) {
        const auto instance = one.target.instance ? one.target.instance : instances.find(key_of(one));
        if (!instance) {
            ++mapped.unmapped;
            continue;
        }
        ResourcePath path{
            .object = one.target.object, .instance = *instance, .resource = one.target.resource};
        mapped.values[path] = std::move(one.value);
        if (!one.target.with_unit || one.record->unit.empty()) continue;
        path.resource = kSensorUnits;
        if (!taken_.contains(path)) mapped.values[path] = one.record->unit;
    }
    return mapped;
}

}  // namespace narrowgate::daemon
