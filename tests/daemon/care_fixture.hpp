// SPDX-License-Identifier: Apache-2.0
//
// A gateway's book of devices over its life, in virtual time.
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/care/care_book.hpp"
#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {

inline constexpr const char* kFleet = "water-meters";

inline std::vector<std::string> lines_of(const std::string& text, std::string_view part) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        if (line.find(part) != std::string::npos) lines.push_back(line);
    return lines;
}

// A gateway's book over its life, a turn each ten seconds; the store is what has been written.
class CareBookTest : public ::testing::Test {
protected:
    CareBookTest() {
        fleet_.name = kFleet;
        fleet_.report_interval = std::chrono::hours(1);
        fleet_.reports_expected = true;
        clock_.jump_wall(from_rfc3339("2026-11-20T12:00:00Z").value() - clock_.now().wall);
    }

    void add_device(const std::string& name, store::CredentialId credential) {
        store::CredentialRow row;
        row.id = credential;
        row.identity = row.device = name;
        row.fleet = kFleet;
        row.psk = Secret(Bytes(16, 1));
        directory_.add(std::move(row));
        store::FiguresRow figures;
        figures.device = name;
        figures.fleet = kFleet;
        figures.credential = credential;
        disk_[name] = std::move(figures);
    }
    void add_devices(std::size_t count) {
        for (std::size_t i = 1; i <= count; ++i)
            add_device("wm-" + std::to_string(i), i);
    }
    void start() {
        book_.emplace(directory_, std::span(&fleet_, 1), log_);
        for (const auto& [name, row] : disk_)
            book_->load(row, time());
        book_->loaded(time());
    }
    // What has been counted goes to disk, as FleetCare and the store do it.
    void write() {
        for (auto& [device, later] : book_->take_pending(1'000'000)) {
            DeviceFigures figures = decode_figures(disk_[device].body).value_or(DeviceFigures{});
            figures.add(later);
            disk_[device].body = encode(figures);
        }
    }
    // A stop with all that belongs to it, and a start after `gap`.
    void restart(seconds gap) {
        write();
        book_.reset();
        clock_.advance(gap);
        stopped_ += gap;
        start();
    }

    CareTime time() const {
        const auto up = clock_.now().steady.time_since_epoch() - stopped_;
        return {.now = clock_.now(), .service = std::chrono::duration_cast<seconds>(up)};
    }
    void hear(store::CredentialId credential, std::uint64_t bytes = 100) {
        DeviceActivity activity;
        activity.bytes_up = bytes;
        activity.datagrams = 2;
        activity.readings = 1;
        activity.requests = 1;
        activity.first = clock_.now().steady;
        activity.heard = clock_.now();
        book_->take({{credential, activity}}, time());
    }
    void pass(seconds duration) {
        for (seconds done{0}; done < duration; done += seconds(10)) {
            clock_.advance(seconds(10));
            book_->turn(time());
        }
    }
    template <class Action>
    std::string log_of(Action action) {
        testing::internal::CaptureStderr();
        action();
        return testing::internal::GetCapturedStderr();
    }
    FleetState state() { return book_->states().at(0); }
    DeviceFigures figures(const std::string& device) {
        write();
        return decode_figures(disk_[device].body).value_or(DeviceFigures{});
    }
    std::vector<SilentDevice> silent() { return book_->silent(100, "", time()); }

    fakes::ManualClock clock_;
    Log log_{LogLevel::kInfo};
    CredentialDirectory directory_{clock_};
    Fleet fleet_;
    std::map<std::string, store::FiguresRow> disk_;
    std::optional<CareBook> book_;
    SteadyTime::duration stopped_{0};
};

}  // namespace narrowgate::daemon
