// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/care_json.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

json seconds_json(const std::optional<seconds>& duration) {
    return duration ? json(duration->count()) : json(nullptr);
}

json share_of(std::uint64_t bytes, const Tariff& tariff) {
    if (tariff.included == 0) return nullptr;
    return static_cast<double>(bytes) / static_cast<double>(tariff.included);
}

json usage_json(std::uint64_t on_air, std::uint64_t forecast, const Tariff& tariff) {
    return {{"bytes_on_air", on_air},
            {"included_bytes", tariff.included},
            {"share", share_of(on_air, tariff)},
            {"forecast_bytes", forecast},
            {"cost", cost_of(on_air, tariff)},
            {"currency", tariff.currency}};
}

json volume_json(Month month, const Volume& volume) {
    return {{"month", to_text(month)},
            {"readings", volume.readings},
            {"datagrams", volume.datagrams},
            {"bytes_up", volume.bytes_up},
            {"bytes_down", volume.bytes_down}};
}

}  // namespace

json to_json(const FleetState& fleet) {
    json tariff = nullptr;
    if (fleet.tariff) {
        tariff = {{"included_bytes", fleet.tariff->included}, {"price_per_mb", fleet.tariff->price_per_mb},
                  {"currency", fleet.tariff->currency},       {"overhead_bytes", fleet.tariff->overhead},
                  {"unit_bytes", fleet.tariff->unit},         {"cost", fleet.cost}};
    }
    return {{"name", fleet.name},
            {"devices", fleet.devices},
            {"heard", fleet.heard},
            {"never_heard", fleet.never_heard},
            {"silent", fleet.silent},
            {"fell_together", fleet.fell_together},
            {"report_interval_s", seconds_json(fleet.report_interval)},
            {"missed_reports", fleet.missed_reports},
            {"bytes_up", fleet.month.bytes_up},
            {"bytes_down", fleet.month.bytes_down},
            {"datagrams", fleet.month.datagrams},
            {"readings", fleet.month.readings},
            {"tariff", std::move(tariff)},
            {"over_tariff", fleet.over_tariff},
            {"will_exceed", fleet.will_exceed}};
}

json to_json(const SilentDevice& device) {
    return {{"device", device.device},
            {"fleet", device.fleet},
            {"last_heard", to_rfc3339(device.heard)},
            {"silent_seconds", device.silence.count()},
            {"missed", device.missed},
            {"interval_s", device.interval.count()}};
}

json to_json(const CostlyDevice& device) {
    json shown = usage_json(device.on_air, device.forecast, device.tariff);
    shown["device"] = device.device;
    shown["fleet"] = device.fleet;
    return shown;
}

json to_json(const RepeatingDevice& device) {
    return {{"device", device.device},
            {"fleet", device.fleet},
            {"retransmission_ratio", device.figures.repeat_ratio()},
            {"retransmissions", device.figures.repeats},
            {"requests", device.figures.requests},
            {"handshake_ms", device.figures.handshake.count()}};
}

json to_json(const DeviceCare& care) {
    const DeviceFigures& figures = care.figures;
    const Month before = care.month - 1;
    return {{"last_heard", figures.heard ? json(to_rfc3339(*figures.heard)) : json(nullptr)},
            {"silent_seconds", seconds_json(care.silence)},
            {"silent", care.silent},
            {"missed", care.missed},
            {"missed_total", figures.missed + care.missed},
            {"interval_s", seconds_json(care.interval)},
            {"interval_own", care.own_interval},
            {"missed_reports", care.missed_reports},
            {"readings", figures.total.readings},
            {"datagrams", figures.total.datagrams},
            {"bytes_up", figures.total.bytes_up},
            {"bytes_down", figures.total.bytes_down},
            {"handshakes", figures.handshakes},
            {"handshake_ms", figures.handshake.count()},
            {"address_moves", figures.address_moves},
            {"requests", figures.requests},
            {"retransmissions", figures.repeats},
            {"retransmission_ratio", figures.repeat_ratio()},
            {"month", volume_json(care.month, figures.in(care.month))},
            {"last_month", volume_json(before, figures.in(before))},
            {"tariff", care.tariff ? usage_json(care.on_air, care.forecast, *care.tariff) : json(nullptr)}};
}

}  // namespace narrowgate::daemon
