// SPDX-License-Identifier: Apache-2.0
//
// The store with few sessions and with a million: what a reading costs its writer when each one wakes another
// session at random, how long a fold holds up commits, what a session takes on disk, how long it takes to
// start (cleanly, and after a crash with as much unfolded as there may be), to read all and to stop.
// docs/store.md holds the figures.
#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "credential_reader.hpp"
#include "engine.hpp"
#include "session_reader.hpp"

namespace {

namespace store = narrowgate::store;

using narrowgate::Bytes;
using narrowgate::Secret;

constexpr std::size_t kReadingsACommit = 50;
constexpr std::size_t kPayloadBytes = 80;  // a SenML-CBOR pack of one or two records
constexpr std::size_t kSecretBytes = 76;   // what the dtls room puts into it for AES-128-CCM-8
constexpr std::size_t kReplyBytes = 12;
constexpr std::size_t kMostUnfolded = std::size_t{1} << 18;  // upkeep.cpp
constexpr std::size_t kCredentialsATransaction = 10'000;

// What is asked of the store, checked by the exit status.
constexpr double kMaxCpuRatio = 1.3;  // a reading among the most sessions, to one among the fewest
constexpr double kMaxHoldMs = 100;
constexpr double kMaxOpenMs = 200;
constexpr double kMaxReplayMs = 500;
constexpr double kMaxBytesASession = 350;

double cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double wall_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct Figures {
    std::size_t sessions = 0;
    double bytes = 0;      // of the database, a session, its credential and device not counted
    double cpu_us = 0;     // of the writer, a reading
    double hold_ms = 0;    // the longest that commits waited for upkeep
    double commit_ms = 0;  // the longest commit
    double open_ms = 0;    // with nothing to replay
    double replay_ms = 0;  // after a crash
    std::size_t replayed = 0;
    double read_us = 0;  // a session, all of them in order
    double find_us = 0;  // a session, by its connection ID
    double credential_us = 0;
    double stop_ms = 0;  // right after the measured readings
};

struct Arguments {
    std::string parent = std::filesystem::temp_directory_path().string();
    std::vector<std::size_t> sessions{1'000, 1'000'000};
    std::size_t readings = 1'500'000;
    bool json = false;
};

class Bench {
public:
    Bench(std::filesystem::path directory, std::size_t sessions) {
        options_.directory = std::move(directory);
        ids_.resize(sessions);
        std::mt19937_64 random(sessions);
        for (auto& id : ids_)
            id = random();
        open();
    }

    Figures run(std::size_t readings) {
        Figures figures;
        figures.sessions = ids_.size();
        add_devices();
        engine_->keep_up(store::Engine::Upkeep::kAll, false);
        const auto before = database_bytes();
        add_sessions();
        engine_->close();
        figures.bytes = static_cast<double>(database_bytes() - before) / static_cast<double>(ids_.size());

        figures.open_ms = reopen();
        wake(readings, figures);
        double began = wall_ms();
        engine_->close();
        figures.stop_ms = wall_ms() - began;

        reopen();
        figures.replayed = wake_without_fold();
        figures.replay_ms = reopen();  // as a crash leaves it: nothing was folded, nothing closed
        read(figures);
        return figures;
    }

private:
    void open() {
        auto opened = store::Engine::open(options_, log_, clock_);
        if (!opened) {
            fmt::print(stderr, "session_store_bench: {}\n", opened.error().text());
            std::exit(1);
        }
        engine_ = std::move(*opened);
        if (engine_->ledger().upstreams() == 0) engine_->upstreams().insert(0, "bench", {});
        engine_->ledger().add_upstream(0, "bench", {});
    }
    double reopen() {
        engine_.reset();
        const double began = wall_ms();
        open();
        return wall_ms() - began;
    }
    // In use: pages that the journal has left free are used again.
    std::int64_t database_bytes() {
        auto& database = engine_->database();
        return 4'096 * (database.integer("PRAGMA page_count") - database.integer("PRAGMA freelist_count"));
    }
    void add_devices() {
        for (std::size_t at = 0; at < ids_.size();) {
            std::vector<store::NewDevice> devices;
            for (; at < ids_.size() && devices.size() < kCredentialsATransaction; ++at)
                devices.push_back(
                    {fmt::format("wm-{:07}", at), "water-meters", {}, Secret(Bytes(16, 0x55)), {}, {}});
            store::Transaction transaction(engine_->database());
            (void)engine_->devices().import(devices, {"bench", clock_.now().wall});
            transaction.commit();
        }
    }
    void add_sessions() {
        std::vector<store::Unit> units;
        for (std::size_t at = 0; at < ids_.size(); ++at) {
            store::SessionRow row;
            row.id = ids_[at];
            row.credential = at + 1;
            row.cid = cid_of(at);
            row.secret = Secret(Bytes(kSecretBytes, 0x77));
            row.path = path_of(at);
            row.lease_end = 1'024;
            row.established = row.last_seen = clock_.now().wall;
            row.window = 1;
            units.emplace_back().open = std::move(row);
            if (units.size() == 512 || at + 1 == ids_.size()) {
                engine_->commit(units, outcomes_);
                engine_->keep_up(store::Engine::Upkeep::kWhenDue, false);
                units.clear();
            }
        }
    }
    static narrowgate::Path path_of(std::size_t at) {
        narrowgate::Path path{*narrowgate::Address::from_text("192.0.2.1:5684"), {}};
        path.remote = path.local;
        path.remote.ip[13] = static_cast<std::uint8_t>(at >> 16);
        path.remote.ip[14] = static_cast<std::uint8_t>(at >> 8);
        path.remote.ip[15] = static_cast<std::uint8_t>(at);
        path.remote.port = static_cast<std::uint16_t>(20'000 + at % 40'000);
        return path;
    }
    Bytes cid_of(std::size_t at) const {
        Bytes cid;
        narrowgate::ByteWriter(cid).unsigned_integer(ids_[at] * 0x9e3779b97f4a7c15 >> 16, 6);
        return cid;
    }
    // Readings for one commit, each of a session at random.
    void prepare() {
        const auto now = clock_.now().wall;
        units_.resize(kReadingsACommit);
        numbers_.resize(kReadingsACommit);
        for (std::size_t i = 0; i < kReadingsACommit; ++i) {
            const auto at = random_() % ids_.size();
            numbers_[i] = ++number_;
            auto& unit = units_[i];
            unit.mark = store::SessionMark{.session = ids_[at],
                                           .right_edge = number_ % 5'000,
                                           .window = ~std::uint64_t{0},
                                           .lease_end = 2'048,
                                           .confirmed = true,
                                           .path = path_of(at),
                                           .last_seen = now,
                                           .heard = number_ / 10'000,
                                           .traffic = {70'000, 20'000, 2, 3}};
            unit.reading = store::NewReading{fmt::format("wm-{:07}", at),
                                             "water-meters",
                                             "telemetry",
                                             112,
                                             Bytes(kPayloadBytes, 0x5a),
                                             now,
                                             1};
            unit.reply = store::StoredReply{ids_[at], static_cast<std::uint16_t>(number_),
                                            now + std::chrono::seconds(247), Bytes(kReplyBytes, 0x60)};
        }
    }
    void wake(std::size_t readings, Figures& figures) {
        number_ = engine_->ledger().head() - 1;
        double cpu = 0;
        for (std::size_t done = 0; done < readings; done += kReadingsACommit) {
            prepare();
            double began_cpu = cpu_us();
            double began = wall_ms();
            engine_->commit(units_, outcomes_);
            figures.commit_ms = std::max(figures.commit_ms, wall_ms() - began);
            cpu += cpu_us() - began_cpu;
            engine_->ledger().acknowledge(0, numbers_);
            began_cpu = cpu_us();
            began = wall_ms();
            engine_->keep_up(store::Engine::Upkeep::kWhenDue, false);
            figures.hold_ms = std::max(figures.hold_ms, wall_ms() - began);
            cpu += cpu_us() - began_cpu;
        }
        figures.cpu_us = cpu / static_cast<double>(readings);
    }

    // As many marks as a crash can find unfolded.
    std::size_t wake_without_fold() {
        number_ = engine_->ledger().head() - 1;
        std::size_t done = 0;
        for (; done < kMostUnfolded; done += kReadingsACommit) {
            prepare();
            engine_->commit(units_, outcomes_);
            engine_->ledger().acknowledge(0, numbers_);
        }
        return done;
    }
    void read(Figures& figures) {
        const auto bad = [](auto&&) { std::abort(); };
        store::SessionTableReader sessions(engine_->file(), {}, engine_->sealer(), bad);
        std::size_t count = 0;
        double began = cpu_us();
        while (*sessions.next(1'024, [&](store::SessionRow&&) { ++count; })) {
        }
        figures.read_us = (cpu_us() - began) / static_cast<double>(count);
        if (count != ids_.size()) std::abort();

        constexpr std::size_t kLookups = 10'000;
        count = 0;
        began = cpu_us();
        for (std::size_t i = 0; i < kLookups; ++i)
            (void)sessions.find_by_cid(cid_of(random_() % ids_.size()),
                                       [&](store::SessionRow&&) { ++count; });
        figures.find_us = (cpu_us() - began) / kLookups;
        if (count < kLookups) std::abort();

        store::CredentialTableReader credentials(engine_->file(), {}, engine_->sealer(), bad);
        count = 0;
        began = cpu_us();
        while (*credentials.next(1'024, [&](store::CredentialRow&&) { ++count; })) {
        }
        figures.credential_us = (cpu_us() - began) / static_cast<double>(count);
    }

    store::Options options_;
    narrowgate::Log log_{narrowgate::LogLevel::kError};
    const narrowgate::SystemClock clock_;
    std::vector<store::SessionId> ids_;
    std::unique_ptr<store::Engine> engine_;
    std::vector<store::Outcome> outcomes_;
    std::vector<store::Unit> units_;
    std::vector<store::ReadingNumber> numbers_;
    std::uint64_t number_ = 0;
    std::mt19937_64 random_{1};
};

std::optional<std::size_t> positive(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
    return value;
}

std::optional<Arguments> parse(std::span<char*> words) {
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view name = words[i];
        if (name == "--json") {
            arguments.json = true;
            continue;
        }
        if (++i == words.size()) return std::nullopt;
        if (name == "--directory") {
            arguments.parent = words[i];
            continue;
        }
        const auto number = positive(words[i]);
        if (!number) return std::nullopt;
        if (name == "--sessions") {
            arguments.sessions = {1'000, *number};
        } else if (name == "--readings") {
            arguments.readings = *number;
        } else {
            return std::nullopt;
        }
    }
    return arguments;
}

bool report(std::span<const Figures> all, bool json) {
    const auto& few = all.front();
    const auto& many = all.back();
    struct Line {
        std::string_view name;
        double Figures::* value;
        double limit;  // 0: none
    };
    const Line lines[] = {
        {"bytes_on_disk_a_session", &Figures::bytes, kMaxBytesASession},
        {"writer_cpu_us_a_reading", &Figures::cpu_us, few.cpu_us * kMaxCpuRatio},
        {"longest_upkeep_ms", &Figures::hold_ms, kMaxHoldMs},
        {"longest_commit_ms", &Figures::commit_ms, 0},
        {"open_ms", &Figures::open_ms, kMaxOpenMs},
        {"open_after_crash_ms", &Figures::replay_ms, kMaxReplayMs},
        {"clean_stop_ms", &Figures::stop_ms, 0},
        {"read_cpu_us_a_session", &Figures::read_us, 0},
        {"find_cpu_us_a_session", &Figures::find_us, 0},
        {"read_cpu_us_a_credential", &Figures::credential_us, 0},
    };
    bool good = true;
    if (json) {
        fmt::print("{{\"results\": [");
        for (const auto& figures : all) {
            fmt::print("{}\n {{\"sessions\": {}", &figures == all.data() ? "" : ",", figures.sessions);
            for (const auto& line : lines)
                fmt::print(", \"{}\": {:.2f}", line.name, figures.*line.value);
            fmt::print("}}");
        }
        fmt::print("\n]");
    } else {
        fmt::print("{:<26} {:>12} {:>12} {:>10}\n", "sessions", few.sessions, many.sessions, "limit");
    }
    for (const auto& line : lines) {
        const bool kept = line.limit == 0 || many.*line.value <= line.limit;
        good = good && kept;
        if (!json) {
            fmt::print("{:<26} {:>12.2f} {:>12.2f} {:>10} {}\n", line.name, few.*line.value, many.*line.value,
                       line.limit == 0 ? "" : fmt::format("{:.2f}", line.limit), kept ? "" : "MISSED");
        }
    }
    if (json) fmt::print(", \"within_limits\": {}}}\n", good);
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse({argv + 1, static_cast<std::size_t>(argc - 1)});
    if (!arguments) {
        fmt::print(
            "Usage: session_store_bench [--json] [--directory DIR] [--sessions N] [--readings N]\n"
            "The store with 1000 sessions and with N (default a million), woken at random by N readings\n"
            "(default 1.5 million). DIR is on the disk to measure (default: the system's temporary "
            "directory).\n");
        return argc == 2 && argv[1] == std::string_view("--help") ? 0 : 2;
    }
    std::string folder = arguments->parent + "/session_store_bench.XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) {
        fmt::print(stderr, "session_store_bench: cannot make a directory in {}\n", arguments->parent);
        return 1;
    }
    std::vector<Figures> all;
    for (const auto sessions : arguments->sessions)
        all.push_back(Bench(fmt::format("{}/{}", folder, sessions), sessions).run(arguments->readings));
    const bool good = report(all, arguments->json);
    std::filesystem::remove_all(folder);
    return good ? 0 : 1;
}
