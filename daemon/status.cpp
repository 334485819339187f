// SPDX-License-Identifier: Apache-2.0
#include "daemon/status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"
#include "narrowgate/mqtt/certificate_dates.hpp"

namespace narrowgate::daemon {
namespace {

std::string ago(WallTime now, const std::optional<WallTime>& then) {
    if (!then) return "-";
    const auto whole = std::chrono::floor<seconds>(now - *then);
    return whole < seconds(1) ? "<1 s" : to_words(whole);
}

std::string waits_on(const GatewayStatus& status) {
    const UpstreamState* worst = nullptr;
    for (const UpstreamState& upstream : status.upstreams)
        if (worst == nullptr || upstream.waiting_bytes > worst->waiting_bytes) worst = &upstream;
    if (worst == nullptr || worst->waiting_bytes == 0) return "";
    return fmt::format(" Most of it waits for {}.", worst->name);
}

std::string state_of(const UpstreamState& upstream) {
    if (upstream.paused) return "paused";
    return upstream.connected ? "connected" : "down";
}

bool works(const UpstreamState& upstream) {
    return upstream.connected && !upstream.paused;
}

// ", and 41 readings wait for it, the oldest for 8 s"; nothing when none waits.
std::string waiting_for(const GatewayStatus& status, const UpstreamState& upstream) {
    if (upstream.waiting_readings == 0) return "";
    const bool one = upstream.waiting_readings == 1;
    return fmt::format(", and {} reading{} wait{} for it, the oldest for {}", upstream.waiting_readings,
                       one ? "" : "s", one ? "s" : "", ago(status.now, upstream.oldest));
}

// The upstream that has not worked for longest is blamed in full; then the others are named.
std::string blame(const GatewayStatus& status) {
    std::vector<const UpstreamState*> idle;
    for (const UpstreamState& upstream : status.upstreams)
        if (!works(upstream)) idle.push_back(&upstream);
    if (idle.empty()) return "";
    std::ranges::stable_sort(
        idle, {}, [](const UpstreamState* upstream) { return upstream->since.value_or(WallTime::max()); });
    const UpstreamState& worst = *idle.front();
    std::string sentence = worst.since ? fmt::format("Upstream {} has been {} for {}", worst.name,
                                                     state_of(worst), ago(status.now, worst.since))
                                       : fmt::format("Upstream {} is not connected yet", worst.name);
    sentence += waiting_for(status, worst);
    sentence += worst.trouble.empty() ? "." : fmt::format(": {}.", printable(worst.trouble));
    if (idle.size() == 1) return sentence;
    std::vector<std::string_view> others;
    for (std::size_t i = 1; i < idle.size(); ++i)
        others.emplace_back(idle[i]->name);
    return sentence + fmt::format(" {} {} not work either.", fmt::join(others, ", "),
                                  others.size() == 1 ? "does" : "do");
}

// One that is connected and has readings older than a minute. What came before the connection is being
// caught up with; what came after it shows that the upstream takes less than comes in.
constexpr seconds kLag{60};

bool lags(const GatewayStatus& status, const UpstreamState& upstream) {
    return works(upstream) && upstream.oldest && status.now - *upstream.oldest > kLag;
}

bool falls_behind(const GatewayStatus& status, const UpstreamState& upstream) {
    return lags(status, upstream) && upstream.since && *upstream.oldest > *upstream.since;
}

std::string commits_in_words(const StoreState& store) {
    if (store.commits == 0) return "no commit yet";
    return fmt::format("last commit {}, its fsync {}; longest {} and {}", to_words(store.last_commit),
                       to_words(store.last_fsync), to_words(store.longest_commit),
                       to_words(store.longest_fsync));
}

std::string rate_in_words(double readings_per_minute) {
    return fmt::format("{:.{}f} a minute", readings_per_minute, readings_per_minute < 100 ? 1 : 0);
}

// What joining readings saves where messages are metered; nothing where every reading is a message.
std::string batches_in_words(const UpstreamState& upstream) {
    if (upstream.message_readings <= upstream.messages || upstream.units_alone == 0) return "";
    const auto readings = static_cast<double>(upstream.message_readings);
    const auto units = static_cast<double>(upstream.metered_units);
    return fmt::format(
        "{}: {:.1f} units of 5 KB a thousand readings, {:.1f} % of what a message a reading would be\n",
        upstream.name, 1000 * units / readings, 100 * units / static_cast<double>(upstream.units_alone));
}

// P1 ends at this broker, and what comes behind it is told apart from what is promised.
std::string behind_the_broker(const UpstreamState& upstream) {
    const TranslatorState& translator = upstream.translator;
    std::string text = fmt::format(
        "{}: delivered means at its broker; the translator behind it {}, {} of {} nodes are registered",
        upstream.name, translator.ready ? "answers" : "does not take values", translator.registered,
        translator.nodes);
    if (translator.asked > 0) text += fmt::format(", {} wait for an answer", translator.asked);
    if (translator.failed > 0) text += fmt::format(", {} were refused", translator.failed);
    if (translator.turned_away > 0) text += fmt::format(", {} are beyond max_nodes", translator.turned_away);
    if (translator.held > 0) text += fmt::format("; {} readings wait for that", translator.held);
    if (translator.unmapped > 0)
        text += fmt::format("; {} values have no LwM2M resource", translator.unmapped);
    return text + '\n';
}

std::string day_of(WallTime time) {
    return to_rfc3339(time).substr(0, 10);
}

// The certificate or root that ends first of all within 30 days; nothing when none does. mqtt's findings are
// for the log, with file and subject; this is for one line.
struct Ending {
    std::string sentence;
    bool well = true;
};
std::optional<Ending> ending_of(const GatewayStatus& status) {
    std::optional<WallTime> first;
    Ending ending;
    const auto look = [&](std::string_view what, const UpstreamState& upstream,
                          const std::optional<WallTime>& end) {
        if (!end || *end - status.now > mqtt::kExpiryNotice || (first && *first <= *end)) return;
        first = end;
        ending.well = *end - status.now > mqtt::kExpiryUrgent;
        const std::int64_t days = days_left(status.now, *end);
        ending.sentence =
            days < 0 ? fmt::format("{} of upstream {} expired on {}", what, upstream.name, day_of(*end))
                     : fmt::format("{} of upstream {} expires in {} day{}, on {}", what, upstream.name, days,
                                   days == 1 ? "" : "s", day_of(*end));
    };
    for (const UpstreamState& upstream : status.upstreams) {
        look("the certificate", upstream, upstream.certificate_expires);
        look("the last root", upstream, upstream.roots_expire);
    }
    if (!first) return std::nullopt;
    return ending;
}

// "aws until 2027-03-01 (95 days left)".
std::string certificates_in_words(const GatewayStatus& status) {
    std::vector<std::string> words;
    for (const UpstreamState& upstream : status.upstreams) {
        if (!upstream.certificate_expires) continue;
        const std::int64_t days = days_left(status.now, *upstream.certificate_expires);
        words.push_back(fmt::format("{} until {} ({})", upstream.name, day_of(*upstream.certificate_expires),
                                    days < 0 ? "expired" : fmt::format("{} days left", days)));
    }
    return fmt::format("{}", fmt::join(words, ", "));
}

// "water-meters: 3 of 120 devices are silent; …". Devices that are silent do not make a gateway ill: it may
// be the only thing that is well.
std::vector<std::string> fleets_in_words(const GatewayStatus& status) {
    std::vector<std::string> words;
    for (const FleetState& fleet : status.fleets) {
        std::vector<std::string> its;
        if (fleet.silent > 0)
            its.push_back(fmt::format("{} of {} devices silent", fleet.silent, fleet.devices));
        if (fleet.never_heard > 0) its.push_back(fmt::format("{} never heard", fleet.never_heard));
        if (fleet.over_tariff > 0) its.push_back(fmt::format("{} over their tariff", fleet.over_tariff));
        if (its.empty()) continue;
        words.push_back(fmt::format("{}: {}{}", fleet.name, fmt::join(its, ", "),
                                    fleet.fell_together ? "; most fell silent together: the network?" : ""));
    }
    return words;
}

// What is worth a line only at times, or only of some gateways.
std::vector<std::vector<std::string>> further_rows(const GatewayStatus& status) {
    std::vector<std::vector<std::string>> rows;
    if (const LoadState& load = status.load; load.loading) {
        rows.push_back({"loading", fmt::format("{} of {} credentials, {} of {} sessions; nodes are answered",
                                               load.credentials, load.credentials_total, load.sessions,
                                               load.sessions_total)});
    }
    if (status.shards.size() > 1) {
        std::uint64_t received = 0;
        std::uint64_t handed_over = 0;
        std::uint64_t dropped = 0;
        for (const ShardState& shard : status.shards) {
            received += shard.received;
            handed_over += shard.handed_over;
            dropped += shard.hand_overs_dropped;
        }
        rows.push_back({"shards", fmt::format("{}; {} of {} datagrams handed from one to another, {} dropped",
                                              status.shards.size(), handed_over, received, dropped)});
    }
    if (const StoreState& store = status.store; store.retained_readings > 0) {
        rows.push_back(
            {"retained", fmt::format("{} delivered readings, {}, since {}", store.retained_readings,
                                     size_in_words(store.retained_bytes),
                                     store.retained_since ? to_rfc3339(*store.retained_since) : "-")});
    }
    if (std::string words = certificates_in_words(status); !words.empty())
        rows.push_back({"certificates", std::move(words)});
    const char* heading = "fleets";
    for (std::string& words : fleets_in_words(status))
        rows.push_back({std::exchange(heading, ""), std::move(words)});
    return rows;
}

}  // namespace

std::int64_t days_left(WallTime now, WallTime end) {
    return std::chrono::floor<std::chrono::days>(end - now).count();
}

Health health_of(const GatewayStatus& status) {
    const StoreState& store = status.store;
    if (store.disk_full) {
        return {false, "The disk is full: readings are refused until there is room. Sessions are safe." +
                           waits_on(status)};
    }
    if (store.full) {
        return {false, fmt::format("The store is full ({} of {}): readings are refused or dropped.{}",
                                   size_in_words(store.waiting_bytes), size_in_words(store.max_bytes),
                                   waits_on(status))};
    }
    if (std::string sentence = blame(status); !sentence.empty()) return {false, std::move(sentence)};
    for (const UpstreamState& upstream : status.upstreams) {
        if (!upstream.backlog_full) continue;
        return {false, fmt::format("The backlog of upstream {} is full: {} wait.", upstream.name,
                                   size_in_words(upstream.waiting_bytes))};
    }
    if (store.over_age) {
        return {false, fmt::format("The oldest reading has waited for {}, longer than max_age.{}",
                                   ago(status.now, store.oldest), waits_on(status))};
    }
    for (const UpstreamState& upstream : status.upstreams) {
        if (!falls_behind(status, upstream)) continue;
        return {false,
                fmt::format("Upstream {} takes readings more slowly than they come{}; see its window and "
                            "the broker's limits.",
                            upstream.name, waiting_for(status, upstream))};
    }
    const auto ending = ending_of(status);
    if (ending && !ending->well) {
        std::string sentence = ending->sentence;
        sentence.front() = 'T';
        return {false, sentence + ": renew it; see the log for the file."};
    }
    for (const UpstreamState& upstream : status.upstreams) {
        if (!lags(status, upstream)) continue;
        return {true, fmt::format("All is well; upstream {} is catching up{}.", upstream.name,
                                  waiting_for(status, upstream))};
    }
    if (ending) return {true, fmt::format("All is well; {}: renew it.", ending->sentence)};
    for (const FleetState& fleet : status.fleets) {
        if (fleet.silent == 0) continue;
        return {true, fmt::format("All is well here; {} of {} devices of fleet {} are silent.", fleet.silent,
                                  fleet.devices, fleet.name)};
    }
    return {true, "All is well."};
}

std::string to_text(const GatewayStatus& status) {
    const UplinkCounts& uplink = status.uplink;
    const StoreState& store = status.store;
    const std::string health = health_of(status).sentence;
    std::string text = health + "\n\n";
    std::vector<std::vector<std::string>> lines{
        {"gateway", fmt::format("{}, narrowgate {}, up {}", status.gateway, status.version,
                                ago(status.now, status.started))},
        {"listening", fmt::format("{}", fmt::join(status.listening, ", "))},
        {"nodes", fmt::format("{} devices, {} sessions, {} handshakes in progress", status.devices,
                              status.sessions, status.handshakes_in_progress)},
        {"readings", fmt::format("{}; since start {} stored, {} refused, {} repeats recognised",
                                 rate_in_words(status.readings_per_minute), uplink.readings, uplink.refused,
                                 uplink.duplicates)},
        {"handshakes",
         fmt::format("since start {} completed, {} failed, {} not admitted; {} sources slowed down",
                     uplink.handshakes, uplink.handshakes_failed, uplink.handshakes_not_admitted,
                     status.penalised_prefixes)},
        {"dropped", fmt::format("{} records that had no effect", uplink.records_dropped)},
        {"store", fmt::format("{} readings wait, {} of {}, oldest {}; {}", store.waiting_readings,
                              size_in_words(store.waiting_bytes), size_in_words(store.max_bytes),
                              ago(status.now, store.oldest), commits_in_words(store))},
    };
    const auto further = further_rows(status);
    lines.insert(lines.end(), further.begin(), further.end());
    text += render_table(lines);
    std::vector<std::vector<std::string>> rows{
        {"UPSTREAM", "STATE", "SINCE", "WAITING", "OLDEST", "DELIVERED", "DEAD LETTERS", "RECONNECTS"}};
    for (const UpstreamState& upstream : status.upstreams) {
        rows.push_back(
            {upstream.name, state_of(upstream), ago(status.now, upstream.since),
             fmt::format("{} ({})", upstream.waiting_readings, size_in_words(upstream.waiting_bytes)),
             ago(status.now, upstream.oldest), std::to_string(upstream.delivered),
             std::to_string(upstream.dead_letters), std::to_string(upstream.reconnects)});
    }
    text += '\n' + render_table(rows);
    for (const UpstreamState& upstream : status.upstreams) {
        if (upstream.translator.used) text += behind_the_broker(upstream);
        const std::string trouble = printable(upstream.trouble);
        if (!trouble.empty() && health.find(trouble) == std::string::npos)
            text += fmt::format("{}: {}\n", upstream.name, trouble);
        text += batches_in_words(upstream);
        if (upstream.replaying) {
            text += fmt::format(
                "{}: a replay is in progress, {:.0f} % looked through; see narrowgate replay --status\n",
                upstream.name, 100 * upstream.replay_part);
        }
        if (upstream.unmapped > 0) {
            text += fmt::format(
                "{}: of {} readings nothing was to be sent: not mapped, or overtaken by a newer\n",
                upstream.name, upstream.unmapped);
        }
        if (upstream.dropped > 0)
            text += fmt::format("{}: {} readings were dropped before they were delivered\n", upstream.name,
                                upstream.dropped);
    }
    return text;
}

}  // namespace narrowgate::daemon
