// SPDX-License-Identifier: Apache-2.0
//
// What the book is asked, and what changes in it by an operator's hand.
#include <algorithm>
#include <utility>

#include "daemon/care/care_book.hpp"
#include "daemon/care/forecast.hpp"

namespace narrowgate::daemon {
namespace {

// Keeps the `count` that come first by `order`, on a heap whose top is the last of them.
template <class Item, class Order>
class First {
public:
    First(std::size_t count, Order order) : count_(count), order_(order) {}

    void add(const Item& item) {
        if (count_ == 0 || (items_.size() == count_ && !order_(item, items_.front()))) return;
        items_.push_back(item);
        std::ranges::push_heap(items_, order_);
        if (items_.size() <= count_) return;
        std::ranges::pop_heap(items_, order_);
        items_.pop_back();
    }
    std::vector<Item> in_order() && {
        std::ranges::sort(items_, order_);
        return std::move(items_);
    }

private:
    const std::size_t count_;
    const Order order_;
    std::vector<Item> items_;
};

}  // namespace

std::vector<std::string> CareBook::known_by(std::span<const store::CredentialId> credentials) const {
    std::vector<std::string> gone;
    for (const store::CredentialId credential : credentials) {
        const auto owner = directory_.owner_of(credential);
        if (!owner) continue;
        const CareEntry* entry = table_.find(key_of(owner->device));
        // Another of its credentials goes on, or waits for its first use.
        if (entry == nullptr || entry->credential != credential) continue;
        gone.push_back(owner->device);
    }
    return gone;
}

void CareBook::forget(std::string_view device) {
    table_.erase(key_of(device));
    pending_.erase(std::string(device));
}

void CareBook::add(std::string_view device, std::string_view fleet, store::CredentialId credential) {
    CareEntry& entry = table_.insert(key_of(device));
    entry.fleet = number_of_fleet(fleet);
    entry.credential = static_cast<std::uint32_t>(credential);
}

void CareBook::set_interval(std::string_view device, std::optional<seconds> interval) {
    CareEntry* const entry = table_.find(key_of(device));
    if (entry != nullptr) entry->interval = interval ? static_cast<std::uint32_t>(interval->count()) : 0;
}

FiguresByDevice CareBook::take_pending(std::size_t count) {
    if (pending_.size() <= count) return std::exchange(pending_, {});
    FiguresByDevice some;
    while (some.size() < count)
        some.insert(pending_.extract(pending_.begin()));
    return some;
}

void CareBook::put_back(FiguresByDevice&& figures) {
    for (auto& [device, earlier] : figures) {
        DeviceFigures& figures_now = pending_[device];
        earlier.add(figures_now);
        figures_now = earlier;
    }
}

std::vector<FleetState> CareBook::states() const {
    std::vector<FleetState> states;
    for (const FleetPlace& fleet : fleets_) {
        if (!fleet.known) continue;
        FleetState state = fleet.state;
        state.report_interval = fleet.interval;
        state.missed_reports = fleet.missed_reports;
        state.month = fleet.month;
        state.since_start = fleet.since_start;
        state.tariff = fleet.tariff;
        states.push_back(std::move(state));
    }
    std::ranges::sort(states, {}, &FleetState::name);
    return states;
}

std::vector<SilentDevice> CareBook::silent(std::size_t count, std::string_view fleet,
                                           const CareTime& time) const {
    First<CareEntry, bool (*)(const CareEntry&, const CareEntry&)> longest(
        count, [](const CareEntry& left, const CareEntry& right) {
            return std::pair(left.heard, left.key) < std::pair(right.heard, right.key);
        });
    table_.for_each([&](const CareEntry& entry) {
        if (is_silent(entry, time) && (fleet.empty() || fleets_[entry.fleet].name == fleet))
            longest.add(entry);
    });
    std::vector<SilentDevice> devices;
    for (const CareEntry& entry : std::move(longest).in_order()) {
        devices.push_back({.device = name_of(entry),
                           .fleet = fleets_[entry.fleet].name,
                           .heard = WallTime(seconds(entry.heard_wall)),
                           .silence = std::max(seconds(0), time.service - seconds(entry.heard)),
                           .missed = missed_of(entry, time),
                           .interval = interval_of(entry).value_or(seconds(0))});
    }
    // Its credential was retired a moment ago: it has just been heard under the next one.
    std::erase_if(devices, [](const SilentDevice& device) { return device.device.empty(); });
    return devices;
}

std::vector<CostlyDevice> CareBook::costly(std::size_t count, std::string_view fleet,
                                           const CareTime& time) const {
    const double growth = growth_of_month(time.now.wall);
    First<CareEntry, bool (*)(const CareEntry&, const CareEntry&)> most(
        count, [](const CareEntry& left, const CareEntry& right) {
            return std::pair(left.on_air, left.key) > std::pair(right.on_air, right.key);
        });
    table_.for_each([&](const CareEntry& entry) {
        const FleetPlace& place = fleets_[entry.fleet];
        if (!place.tariff || (!fleet.empty() && place.name != fleet)) return;
        if (forecast(entry.on_air, growth) > place.tariff->included) most.add(entry);
    });
    std::vector<CostlyDevice> devices;
    for (const CareEntry& entry : std::move(most).in_order()) {
        const Tariff& tariff = *fleets_[entry.fleet].tariff;
        devices.push_back({.device = name_of(entry),
                           .fleet = fleets_[entry.fleet].name,
                           .on_air = entry.on_air,
                           .forecast = forecast(entry.on_air, growth),
                           .cost = cost_of(entry.on_air, tariff),
                           .tariff = tariff});
    }
    std::erase_if(devices, [](const CostlyDevice& device) { return device.device.empty(); });
    return devices;
}

std::vector<RepeatingDevice> CareBook::repeating(std::size_t count, const CareTime& time) {
    std::vector<RepeatingDevice> devices;
    for (const SlowDevice& slow : slow_.worst(count, time.now.steady)) {
        if (auto owner = directory_.owner_of(slow.credential))
            devices.push_back({std::move(owner->device), std::move(owner->fleet), slow});
    }
    return devices;
}

DeviceCare CareBook::care_of(std::string_view device, std::string_view fleet, std::optional<seconds> interval,
                             DeviceFigures written, const CareTime& time) const {
    DeviceCare care{.figures = written, .month = month_of(time.now.wall), .interval = interval};
    if (const auto pending = pending_.find(std::string(device)); pending != pending_.end())
        care.figures.add(pending->second);
    care.own_interval = interval.has_value();
    const auto place = std::ranges::find(fleets_, fleet, &FleetPlace::name);
    if (place != fleets_.end() && place->known) {
        if (!interval) care.interval = place->interval;
        care.missed_reports = place->missed_reports;
        care.tariff = place->tariff;
    }
    care.judge(time.service, time.now.wall);
    return care;
}

}  // namespace narrowgate::daemon
