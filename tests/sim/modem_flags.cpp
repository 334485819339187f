// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_flags.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace narrowgate::sim {
namespace {

constexpr double kMostSeconds = 1e7;

milliseconds from_seconds(double value) {
    return milliseconds(static_cast<milliseconds::rep>(value * 1'000 + 0.5));
}

// One group of flags in --help. The types and ranges that CLI11 would write itself say less than these.
class Group {
public:
    Group(CLI::App& app, std::string name) : app_(app), name_(std::move(name)) {}

    void text(const std::string& flag, std::string& value, const std::string& words) {
        app_.add_option(flag, value, words)->group(name_);
    }
    template <class Count>
    void count(const std::string& flag, Count& value, const std::string& words) {
        app_.add_option(flag, value, words)->type_name("COUNT")->group(name_);
    }
    void chance(const std::string& flag, double& value, const std::string& words) {
        app_.add_option(flag, value, words)
            ->check(CLI::Range(0.0, 1.0).description(""))
            ->type_name("0..1")
            ->group(name_);
    }
    void time(const std::string& flag, milliseconds& value, const std::string& words) {
        add_seconds(flag, words, value, [&value](double given) { value = from_seconds(given); });
    }
    // 0 is never.
    void mean(const std::string& flag, std::optional<milliseconds>& value, const std::string& words) {
        add_seconds(flag, words + "; 0 is never", value.value_or(milliseconds(0)), [&value](double given) {
            value = given > 0 ? std::optional(from_seconds(given)) : std::nullopt;
        });
    }
    // --flag sets it to `meaning`, --flag=false to the opposite.
    void truth(const std::string& flag, bool& value, bool meaning, const std::string& words) {
        app_.add_flag_function(
                flag, [&value, meaning](std::int64_t given) { value = (given > 0) == meaning; }, words)
            ->group(name_);
    }
    template <class Mode>
    void mode(const std::string& flag, Mode& value, const std::map<std::string, Mode>& names,
              const std::string& words) {
        std::string choice, present;
        for (const auto& [name, mode] : names) {
            choice += (choice.empty() ? "" : "|") + name;
            if (mode == value) present = name;
        }
        app_.add_option(flag, value, words)
            ->transform(CLI::CheckedTransformer(names, CLI::ignore_case).description(""))
            ->default_str(present)
            ->type_name(choice)
            ->group(name_);
    }

private:
    void add_seconds(const std::string& flag, const std::string& words, milliseconds present,
                     const std::function<void(const double&)>& set) {
        app_.add_option_function<double>(flag, set, words)
            ->check(CLI::Range(0.0, kMostSeconds).description(""))
            ->default_str(fmt::format("{:g}", static_cast<double>(present.count()) / 1'000))
            ->type_name("SECONDS")
            ->group(name_);
    }

    CLI::App& app_;
    const std::string name_;
};

void add_identity(CLI::App& app, ModemIdentity& identity) {
    Group group(app, "Who it is");
    group.text("--model", identity.model, "AT+CGMM");
    group.text("--firmware", identity.firmware, "AT+CGMR");
    group.text("--imei", identity.imei, "AT+CGSN=1");
    group.text("--imsi", identity.imsi, "AT+CIMI");
}

void add_manners(CLI::App& app, ModemManners& manners) {
    Group group(app, "AT interface");
    group.count("--baud", manners.baud, "8N1, both ways; 0 is not paced");
    group.truth("--echo", manners.echo, true, "Repeats what it is told, until ATE0");
    group.time("--answer-delay", manners.answer_delay, "Before every answer");
    group.time("--answer-jitter", manners.answer_jitter, "Added to that, up to");
    group.time("--radio-on-time", manners.radio_on_time, "Before AT+CFUN=1 is answered");
    group.truth("--answers-garbage", manners.answers_garbage, true,
                "ERROR to a line without AT; else silence");
    group.truth("--loses-input-when-busy", manners.loses_input_when_busy, true,
                "A command that comes before the last answer is lost; else it waits");
    group.truth("--announcement-without-space", manners.announcement_space, false,
                "+NSONMI:0,5 instead of +NSONMI: 0,5");
    group.mode<Announcement>(
        "--announce", manners.announcement,
        {{"each", Announcement::kEach},
         {"once", Announcement::kOnce},
         {"one-by-one", Announcement::kOneByOne}},
        "What +NSONMI tells of: each datagram; one until the buffer is empty; the next when "
        "the one before is read");
    group.mode<EmptyRead>("--empty-read", manners.empty_read,
                          {{"ok", EmptyRead::kOk},
                           {"short", EmptyRead::kShort},
                           {"commas", EmptyRead::kCommas},
                           {"silent", EmptyRead::kSilent}},
                          "AT+NSORF where nothing is: OK alone; 0,\"\",0; 0,,,,,0; not a word");
    group.mode<Remaining>("--remaining", manners.remaining,
                          {{"socket", Remaining::kSocket}, {"datagram", Remaining::kDatagram}},
                          "What AT+NSORF's last field counts");
    group.truth("--lone-cr", manners.lone_carriage_return, true,
                "A carriage return before what AT+NSORF answers");
    group.mode<ErrorNumbers>("--error-numbers", manners.error_numbers,
                             {{"standard", ErrorNumbers::kStandard},
                              {"vendor", ErrorNumbers::kVendor},
                              {"strange", ErrorNumbers::kStrange}},
                             "Of +CME ERROR: 27.007's; 512 and up; none that anybody knows");
    group.truth("--attach-works", manners.attach_is_disabled, false,
                "AT+CGATT=1 under AUTOCONNECT; else error 51");
    group.truth("--sequence-numbers", manners.sequence_numbers, true,
                "A sixth field of AT+NSOST, and +NSOSTR");
    group.truth("--natspeed", manners.has_natspeed, true, "Knows AT+NATSPEED");
    group.truth("--signal-in-dbm", manners.signal_in_tenths, false, "AT+NUESTATS; else in dBm / 10");
    group.mode<SendUnregistered>(
        "--send-unregistered", manners.send_unregistered,
        {{"refused", SendUnregistered::kRefused}, {"swallowed", SendUnregistered::kSwallowed}},
        "AT+NSOST without a network: error 30; as if it were sent");
}

void add_life(CLI::App& app, ModemLife& life) {
    Group group(app, "Starting and sleeping");
    group.truth("--no-autoconnect", life.autoconnect, false,
                "AUTOCONNECT is FALSE at first: CFUN is 0 after a start");
    group.mode<Banner>("--banner", life.banner,
                       {{"u-blox", Banner::kUblox}, {"neul", Banner::kNeul}, {"none", Banner::kNone}},
                       "Of a start");
    group.time("--boot-time", life.boot_time, "Until the banner; deaf before it");
    group.count("--boot-noise", life.boot_noise, "Random bytes before the banner");
    group.truth("--forgets-psm-settings", life.keeps_psm_settings, false, "AT+CPSMS, in a restart");
    group.truth("--closes-sockets-in-psm", life.keeps_sockets_in_psm, false, "When it falls asleep");
    group.count("--wake-lost-bytes", life.wake_lost_bytes, "Of what is said to a sleeping module");
    group.truth("--wake-loss-varies", life.wake_loss_varies, true, "From none to that many");
    group.truth("--wake-garbles", life.wake_garbles, true, "They are not lost but turned into noise");
    group.time("--wake-time", life.wake_time, "After the first byte, in which all is lost");
    group.time("--falls-asleep-after", life.falls_asleep_after, "Silence on the UART, in power saving mode");
}

void add_network(CLI::App& app, ModemNetwork& network) {
    Group group(app, "Network");
    group.time("--search-time", network.search_time, "Until it is registered");
    group.truth("--roaming", network.roaming, true, "+CEREG 5 instead of 1");
    group.count("--denied-attempts", network.denied_attempts, "Registrations that end in +CEREG 3 first");
    group.time("--denied-retry", network.denied_retry, "Between those");
    group.time("--connect-time", network.connect_time, "Until +CSCON: 1, when there is something to send");
    group.time("--inactivity", network.inactivity, "Until +CSCON: 0, without release assistance");
    group.time("--release-time", network.release_time, "The same with release assistance");
    group.time("--paging-time", network.paging_time, "Until a downlink finds it, when it listens");
    group.truth("--refuses-psm", network.grants_psm, false, "Power saving mode is asked for in vain");
    group.truth("--loses-downlinks-in-psm", network.holds_downlinks_in_psm, false,
                "What comes for it while it sleeps; else it waits");
    group.count("--uplink-queue", network.uplink_queue,
                "Datagrams that wait for a connection; above: error 159");
    group.time("--delay", network.link.delay, "On air, one way");
    group.time("--jitter", network.link.jitter, "Added to the delay, up to");
    group.chance("--loss", network.link.loss, "Of a datagram");
    group.chance("--duplicate", network.link.duplication, "That a datagram comes twice");
    group.chance("--reorder", network.link.reorder, "That a datagram takes twice as long");
    group.count("--max-bytes", network.link.max_bytes, "Of UDP payload; what is longer is lost");
    group.time("--nat-timeout", network.nat_timeout, "A mapping without uplinks is forgotten; 0 is never");
    group.mean("--rebind-every", network.rebind_every, "Mean time between new outside ports");
}

void add_defects(CLI::App& app, ModemDefects& defects) {
    Group group(app, "Defects at random");
    group.chance("--lost-urc", defects.lost_urc, "That a URC is never said");
    group.chance("--urc-in-answer", defects.urc_in_answer,
                 "That a URC is kept back and comes in the middle of the next answer");
    group.time("--urc-hold", defects.urc_hold, "It waits for one so long at most");
    group.chance("--lost-answer", defects.lost_answer, "That a command is carried out but not answered");
    group.chance("--busy-send", defects.busy_send, "That AT+NSOST is refused with error 159");
    group.chance("--reboot-in-send", defects.reboot_in_send,
                 "That AT+NSOST makes it restart, before or after the datagram has left");
    group.mean("--reboot-every", defects.reboot_every, "Mean time until it restarts by itself");
    group.mean("--flap-every", defects.flap_every, "Mean time until the network is lost (+CEREG 0, 2 or 3)");
    group.time("--flap-time", defects.flap_time, "Until it is back");
}

}  // namespace

void add_modem_flags(CLI::App& app, ModemOptions& options) {
    add_identity(app, options.identity);
    add_manners(app, options.manners);
    add_life(app, options.life);
    add_network(app, options.network);
    add_defects(app, options.defects);
}

}  // namespace narrowgate::sim
