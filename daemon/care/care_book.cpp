// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/care_book.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "daemon/care/forecast.hpp"
#include "daemon/care/silence.hpp"
#include "daemon/events.hpp"

namespace narrowgate::daemon {
namespace {

// IPv4 and UDP; where a fleet has no tariff, so that one that is added later finds its bytes counted.
constexpr std::uint64_t kUsualOverhead = Tariff().overhead;
// Of fewer devices nobody can say what they have in common.
constexpr std::uint64_t kFewestTogether = 4;

template <class To>
To clamped(std::uint64_t value) {
    return static_cast<To>(std::min<std::uint64_t>(value, std::numeric_limits<To>::max()));
}

// 0 is kept for never.
std::uint32_t stamp_of(seconds service) {
    return clamped<std::uint32_t>(static_cast<std::uint64_t>(std::max<seconds::rep>(1, service.count())));
}

std::uint32_t stamp_of(WallTime time) {
    return stamp_of(std::chrono::duration_cast<seconds>(time.time_since_epoch()));
}

seconds silence_of(const CareEntry& entry, const CareTime& time) {
    return std::max(seconds(0), time.service - seconds(entry.heard));
}

}  // namespace

CareBook::CareBook(const CredentialDirectory& directory, std::span<const Fleet> fleets, Log& log)
    : directory_(directory), log_(log), hash_(SipHash::with_random_key()) {
    set_fleets(fleets);
}

void CareBook::set_fleets(std::span<const Fleet> fleets) {
    for (FleetPlace& place : fleets_)
        place.known = false;
    for (const Fleet& fleet : fleets) {
        FleetPlace& place = fleets_[number_of_fleet(fleet.name)];
        place.known = true;
        place.interval = fleet.reports_expected ? std::optional(fleet.report_interval) : std::nullopt;
        place.missed_reports = fleet.missed_reports;
        place.tariff = fleet.tariff;
    }
}

std::uint64_t CareBook::key_of(std::string_view device) const {
    return std::max<std::uint64_t>(1, hash_(bytes_of(device)));
}

std::uint16_t CareBook::number_of_fleet(std::string_view name) {
    auto place = std::ranges::find(fleets_, name, &FleetPlace::name);
    if (place == fleets_.end()) {
        place = fleets_.insert(fleets_.end(), FleetPlace{.name = std::string(name)});
        place->state.name = name;
    }
    return static_cast<std::uint16_t>(place - fleets_.begin());
}

std::optional<seconds> CareBook::interval_of(const CareEntry& entry) const {
    return entry.interval != 0 ? std::optional(seconds(entry.interval)) : fleets_[entry.fleet].interval;
}

std::uint64_t CareBook::missed_of(const CareEntry& entry, const CareTime& time) const {
    const auto interval = interval_of(entry);
    if (!interval || entry.heard == 0) return 0;
    return missed_reports(silence_of(entry, time), *interval);
}

bool CareBook::is_silent(const CareEntry& entry, const CareTime& time) const {
    const FleetPlace& fleet = fleets_[entry.fleet];
    return fleet.known && missed_of(entry, time) >= std::max(1U, fleet.missed_reports);
}

std::string CareBook::name_of(const CareEntry& entry) const {
    const auto owner = directory_.owner_of(entry.credential);
    return owner ? owner->device : std::string();
}

void CareBook::load(const store::FiguresRow& row, const CareTime& time) {
    roll_over(time.now.wall);
    const DeviceFigures figures = decode_figures(row.body).value_or(DeviceFigures{});
    CareEntry& entry = table_.insert(key_of(row.device));
    entry.fleet = number_of_fleet(row.fleet);
    if (row.report_interval)
        entry.interval = clamped<std::uint32_t>(static_cast<std::uint64_t>(row.report_interval->count()));
    if (entry.credential == 0) entry.credential = clamped<std::uint32_t>(row.credential);
    FleetPlace& fleet = fleets_[entry.fleet];
    const std::uint32_t before = clamped<std::uint32_t>(figures.heard_service);
    const bool was_heard_first = entry.waits;
    entry.waits = false;
    if (was_heard_first && before != 0 && before < entry.heard) {
        if (const auto interval = interval_of(entry))
            pending_[row.device].missed += missed_reports(seconds(entry.heard - before), *interval);
    }
    if (before > entry.heard) {
        entry.heard = before;
        entry.heard_wall = figures.heard ? stamp_of(*figures.heard) : 0;
    }
    const Volume volume = figures.in(month_);
    const std::uint64_t overhead = fleet.tariff ? fleet.tariff->overhead : kUsualOverhead;
    fleet.month.add(volume);
    entry.on_air = clamped<std::uint32_t>(entry.on_air + bytes_on_air(volume, overhead));
    entry.over = fleet.tariff && entry.on_air > fleet.tariff->included;
    entry.silent = is_silent(entry, time);
}

void CareBook::loaded(const CareTime& time) {
    loaded_ = true;
    turn(time);
    std::uint64_t silent = 0;
    for (const FleetPlace& fleet : fleets_)
        silent += fleet.state.silent;
    if (silent != 0)
        log_.write(kEvent<"fleets.still_silent">, {}, "{} devices were silent before the start and still are",
                   silent);
}

void CareBook::take(const Activities& activities, const CareTime& time) {
    roll_over(time.now.wall);
    for (const auto& [credential, activity] : activities) {
        if (!take_one(credential, activity, time) && directory_.loading()) {
            const auto [waiting, is_new] = unowned_.try_emplace(credential, activity);
            if (!is_new) waiting->second.add(activity);
        }
    }
}

// False when nobody knows whose it is.
bool CareBook::take_one(store::CredentialId credential, const DeviceActivity& activity,
                        const CareTime& time) {
    const auto owner = directory_.owner_of(credential);
    if (!owner) return false;
    DeviceFigures& figures = pending_[owner->device];
    CareEntry& entry = table_.insert(key_of(owner->device));
    FleetPlace& fleet = fleets_[entry.fleet = number_of_fleet(owner->fleet)];

    const auto ago = [&](SteadyTime then) {
        return std::chrono::duration_cast<seconds>(std::max(SteadyTime::duration(0), time.now.steady - then));
    };
    const CareTime then{.now = time.now, .service = time.service - ago(activity.first)};
    const seconds silence = silence_of(entry, then);
    if (const auto interval = interval_of(entry); interval && entry.heard != 0)
        figures.missed += missed_reports(silence, *interval);
    if (entry.silent) tell_returned(entry, silence, time);
    entry.silent = false;
    entry.waits = !loaded_ && (entry.waits || entry.heard == 0);
    entry.credential = clamped<std::uint32_t>(credential);
    entry.heard = std::max(entry.heard, stamp_of(time.service - ago(activity.heard.steady)));
    entry.heard_wall = stamp_of(activity.heard.wall);

    const Month month = month_of(activity.heard.wall);
    figures.add(month, activity);
    figures.heard = std::chrono::floor<seconds>(activity.heard.wall);
    figures.heard_service = entry.heard;
    const Volume volume = volume_of(activity);
    fleet.since_start.add(volume);
    if (month == month_) count_on_air(entry, volume, time);
    slow_.add(credential, activity, time.now.steady);
    return true;
}

void CareBook::count_on_air(CareEntry& entry, const Volume& volume, const CareTime& time) {
    FleetPlace& fleet = fleets_[entry.fleet];
    fleet.month.add(volume);
    const std::uint64_t overhead = fleet.tariff ? fleet.tariff->overhead : kUsualOverhead;
    entry.on_air = clamped<std::uint32_t>(entry.on_air + bytes_on_air(volume, overhead));
    // Before all is loaded nobody knows whether it was told already.
    if (!loaded_ || !fleet.tariff || entry.over || entry.on_air <= fleet.tariff->included) return;
    entry.over = true;
    if (!fleet.log.admits(CareEvent::kOverTariff, time.now.steady)) return;
    const std::string name = name_of(entry);
    log_.write(kEvent<"device.over_tariff">, {.device = name, .fleet = fleet.name},
               "device {} of fleet {} has used the {} bytes that its tariff includes for {}", name,
               fleet.name, fleet.tariff->included, to_text(month_));
}

// A month that begins; or a clock that was put back, and then what the month had so far is known again at the
// next start.
void CareBook::roll_over(WallTime now) {
    const Month month = month_of(now);
    if (month == month_) return;
    month_ = month;
    for (FleetPlace& fleet : fleets_)
        fleet.month = {};
    table_.for_each([](CareEntry& entry) {
        entry.on_air = 0;
        entry.over = false;
    });
}

struct CareBook::Sums {
    std::uint64_t devices = 0;
    std::uint64_t heard = 0;
    std::uint64_t silent = 0;
    std::uint64_t lately = 0;  // silent, since less than an interval ago
    std::uint64_t over = 0;
    std::uint64_t will_exceed = 0;
    double cost = 0;
    double growth = 1;  // of what the month has had, until its end
};

void CareBook::turn(const CareTime& time) {
    roll_over(time.now.wall);
    if (!unowned_.empty()) {
        const auto waiting = std::exchange(unowned_, {});
        take({waiting.begin(), waiting.end()}, time);
    }
    std::vector<Sums> sums(fleets_.size(), Sums{.growth = growth_of_month(time.now.wall)});
    table_.for_each([&](CareEntry& entry) { look_at(entry, time, sums[entry.fleet]); });
    for (std::size_t i = 0; i < fleets_.size(); ++i) {
        judge(fleets_[i], sums[i]);
        fleets_[i].log.turn(fleets_[i].name, time.now.steady, log_);
    }
}

void CareBook::look_at(CareEntry& entry, const CareTime& time, Sums& sums) {
    const FleetPlace& fleet = fleets_[entry.fleet];
    ++sums.devices;
    sums.heard += entry.heard != 0 ? 1 : 0;
    const bool silent = is_silent(entry, time);
    // A reload may have made it one that is expected less often: it has not come back.
    if (silent && !entry.silent && loaded_) tell_silent(entry, time);
    entry.silent = silent;
    if (silent) {
        ++sums.silent;
        if (missed_of(entry, time) <= std::max(1U, fleet.missed_reports)) ++sums.lately;
    }
    if (!fleet.tariff) return;
    entry.over = entry.on_air > fleet.tariff->included;
    sums.cost += cost_of(entry.on_air, *fleet.tariff);
    if (entry.over) {
        ++sums.over;
    } else if (forecast(entry.on_air, sums.growth) > fleet.tariff->included) {
        ++sums.will_exceed;
    }
}

void CareBook::tell_silent(const CareEntry& entry, const CareTime& time) {
    FleetPlace& fleet = fleets_[entry.fleet];
    if (!fleet.log.admits(CareEvent::kSilent, time.now.steady)) return;
    const std::string name = name_of(entry);
    log_.write(kEvent<"device.silent">, {.device = name, .fleet = fleet.name},
               "device {} of fleet {} is silent: heard last at {}, reports missed: {}, one is due every {}",
               name, fleet.name, to_rfc3339(WallTime(seconds(entry.heard_wall))), missed_of(entry, time),
               to_words(*interval_of(entry)));
}

void CareBook::tell_returned(const CareEntry& entry, seconds silence, const CareTime& time) {
    FleetPlace& fleet = fleets_[entry.fleet];
    if (!fleet.log.admits(CareEvent::kReturned, time.now.steady)) return;
    const std::string name = name_of(entry);
    log_.write(kEvent<"device.returned">, {.device = name, .fleet = fleet.name},
               "device {} of fleet {} is back after {}", name, fleet.name, to_words(silence));
}

void CareBook::judge(FleetPlace& fleet, const Sums& sums) {
    const bool most = sums.heard >= kFewestTogether && sums.lately * 2 > sums.heard;
    const bool were_together = fleet.fell_together;
    fleet.fell_together = most || (were_together && sums.silent * 2 > sums.heard);
    if (loaded_ && fleet.fell_together && !were_together) {
        log_.write(
            kEvent<"fleet.fell_silent">, {.fleet = fleet.name},
            "fleet {}: {} of {} devices fell silent within one interval: that looks like the network or "
            "this gateway, not like the devices",
            fleet.name, sums.silent, sums.heard);
    }
    FleetState& state = fleet.state;
    state.devices = sums.devices;
    state.heard = sums.heard;
    state.never_heard = sums.devices - sums.heard;
    state.silent = sums.silent;
    state.fell_together = fleet.fell_together;
    state.over_tariff = sums.over;
    state.will_exceed = sums.will_exceed;
    state.cost = sums.cost;
}

}  // namespace narrowgate::daemon
