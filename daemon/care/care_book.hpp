// SPDX-License-Identifier: Apache-2.0
//
// Of every device: when it was heard, whether that is too long ago, and what it has used this month. And what
// has been counted and is not on disk yet. Knows no clock, no disk and no shard: FleetCare brings them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/care/care_log.hpp"
#include "daemon/care/care_table.hpp"
#include "daemon/care/device_activity.hpp"
#include "daemon/care/device_care.hpp"
#include "daemon/care/device_figures.hpp"
#include "daemon/care/fleet_state.hpp"
#include "daemon/care/slow_devices.hpp"
#include "daemon/devices/credential_directory.hpp"
#include "daemon/fleet.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/base/siphash.hpp"
#include "narrowgate/store/figures.hpp"

namespace narrowgate::daemon {

// A moment, and how long the gateway has run until then in its whole life (Store::service_time()).
struct CareTime {
    Now now;
    seconds service{0};
};

// A device that has missed its reports.
struct SilentDevice {
    std::string device;
    std::string fleet;
    WallTime heard;
    seconds silence{0};  // while the gateway ran
    std::uint64_t missed = 0;
    seconds interval{0};
};

// A device that has used, or will use, more than its tariff includes.
struct CostlyDevice {
    std::string device;
    std::string fleet;
    std::uint64_t on_air = 0;    // bytes of this month
    std::uint64_t forecast = 0;  // … at its end
    double cost = 0;             // so far
    Tariff tariff;
};

// A device that says things again.
struct RepeatingDevice {
    std::string device;
    std::string fleet;
    SlowDevice figures;
};

using FiguresByDevice = std::unordered_map<std::string, DeviceFigures>;

// Thread: one, the main loop's. Memory: a CareEntry a device, and some 400 bytes for each that was heard
// since the last write.
class CareBook {
public:
    // `directory` tells whose a credential is, and must outlive the book, as must `log`.
    CareBook(const CredentialDirectory& directory, std::span<const Fleet> fleets, Log& log);

    // A reload. The overhead of a tariff counts for what comes from now on.
    void set_fleets(std::span<const Fleet> fleets);

    // --- Loading: rows of the store in any order, while nodes are heard already. Nothing is told of a device
    // that was silent before.
    void reserve(std::size_t devices) { table_.reserve(devices); }
    void load(const store::FiguresRow& row, const CareTime& time);
    void loaded(const CareTime& time);

    // --- What happens

    // What a shard has counted.
    void take(const Activities& activities, const CareTime& time);
    // Every few seconds: looks for those that have fallen silent. A million devices take some milliseconds.
    void turn(const CareTime& time);

    // The devices that were heard by one of these credentials last. To be asked before the directory forgets
    // them: then forget() or add() is right for each.
    std::vector<std::string> known_by(std::span<const store::CredentialId> credentials) const;
    // It is in use no more.
    void forget(std::string_view device);
    // It has a new credential, or is in another fleet. What is known of it stays.
    void add(std::string_view device, std::string_view fleet, store::CredentialId credential);
    // Nothing as interval: its fleet's.
    void set_interval(std::string_view device, std::optional<seconds> interval);

    // --- What is to be written

    std::size_t unwritten() const { return pending_.size(); }
    // Takes the figures of at most `count` devices away. Before all is loaded, what is written of them would
    // be loaded and counted twice.
    FiguresByDevice take_pending(std::size_t count);
    // They could not be written.
    void put_back(FiguresByDevice&& figures);

    // --- Looking

    std::vector<FleetState> states() const;  // by name, as of the last turn
    Month month() const { return month_; }
    // Longest first, at most `count`, of one fleet or of all (empty).
    std::vector<SilentDevice> silent(std::size_t count, std::string_view fleet, const CareTime& time) const;
    // The highest forecast first.
    std::vector<CostlyDevice> costly(std::size_t count, std::string_view fleet, const CareTime& time) const;
    std::vector<RepeatingDevice> repeating(std::size_t count, const CareTime& time);
    // `written`: what is on disk, or on its way there. `interval`: the device's own.
    DeviceCare care_of(std::string_view device, std::string_view fleet, std::optional<seconds> interval,
                       DeviceFigures written, const CareTime& time) const;

    std::size_t devices() const { return table_.size(); }
    std::size_t memory_bytes() const { return table_.memory_bytes(); }

private:
    struct FleetPlace {
        std::string name;
        bool known = false;  // to the configuration
        std::optional<seconds> interval{};
        unsigned missed_reports = 0;
        std::optional<Tariff> tariff{};
        Volume month{};
        Volume since_start{};
        CareLog log{};
        bool fell_together = false;
        FleetState state{};
    };
    struct Sums;

    std::uint64_t key_of(std::string_view device) const;
    std::uint16_t number_of_fleet(std::string_view name);
    std::optional<seconds> interval_of(const CareEntry& entry) const;
    std::uint64_t missed_of(const CareEntry& entry, const CareTime& time) const;
    bool is_silent(const CareEntry& entry, const CareTime& time) const;
    std::string name_of(const CareEntry& entry) const;
    bool take_one(store::CredentialId credential, const DeviceActivity& activity, const CareTime& time);
    void count_on_air(CareEntry& entry, const Volume& volume, const CareTime& time);
    void roll_over(WallTime now);
    void look_at(CareEntry& entry, const CareTime& time, Sums& sums);
    void tell_silent(const CareEntry& entry, const CareTime& time);
    void tell_returned(const CareEntry& entry, seconds silence, const CareTime& time);
    void judge(FleetPlace& fleet, const Sums& sums);

    const CredentialDirectory& directory_;
    Log& log_;
    const SipHash hash_;
    CareTable table_;
    std::vector<FleetPlace> fleets_;  // by number; few
    Month month_ = 0;
    bool loaded_ = false;
    std::unordered_map<store::CredentialId, DeviceActivity>
        unowned_;  // while credentials are loaded, and it is not known whose these are
    FiguresByDevice pending_;
    SlowDevices slow_;
};

}  // namespace narrowgate::daemon
