// SPDX-License-Identifier: Apache-2.0
//
// Which on-disk form costs the store's writer least: a row a reading, or a journal page a commit? Both do the
// whole life of a reading (stored, its session's mark kept, delivered, deleted) under WAL and
// synchronous=FULL.
// Beside the two bare forms stands the store as it is, bounds, progress and all. docs/store.md holds the
// decision and the figures.
#include <fmt/format.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine.hpp"
#include "narrowgate/base/bytes.hpp"

namespace {

namespace store = narrowgate::store;

using narrowgate::Bytes;
using narrowgate::ByteWriter;

constexpr int kSessions = 1000;
constexpr int kCommitsAFold = 512;         // as the store does: marks to tables, delivered pages away
constexpr std::size_t kPayloadBytes = 80;  // a SenML-CBOR pack of one or two records
constexpr std::size_t kReplyBytes = 12;
// What the store may cost its writer a reading, at so many a commit.
constexpr double kBudgetUs = 2.5;
constexpr int kBudgetReadings = 50;

double thread_cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double wall_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

class Db {
public:
    Db(const std::string& file, int page_size) {
        check(sqlite3_open_v2(file.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
        run(
            fmt::format("PRAGMA page_size={}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                        "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-16384; PRAGMA secure_delete=0",
                        page_size));
    }
    ~Db() {
        for (auto* statement : statements_)
            sqlite3_finalize(statement);
        sqlite3_close(db_);
    }
    Db(const Db&) = delete;
    Db& operator=(const Db&) = delete;

    void run(const std::string& sql) { check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr)); }
    sqlite3_stmt* prepare(const char* sql) {
        sqlite3_stmt* statement = nullptr;
        check(sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
        statements_.push_back(statement);
        return statement;
    }
    void step(sqlite3_stmt* statement) {
        if (sqlite3_step(statement) != SQLITE_DONE) check(sqlite3_errcode(db_));
        sqlite3_reset(statement);
    }
    void checkpoint() {
        check(sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr));
    }

private:
    void check(int code) {
        if (code == SQLITE_OK) return;
        fmt::print(stderr, "store_format_bench: {}\n", db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
        std::exit(1);
    }
    sqlite3* db_ = nullptr;
    std::vector<sqlite3_stmt*> statements_;
};

struct Figures {
    double cpu_us = 0;     // of the writer, a reading, everything included
    double commit_us = 0;  // of that, a reading, without folding, deleting and checkpoints
    double wall_us = 0;    // a commit, fsync included
};

void bind_blob(sqlite3_stmt* statement, int column, const Bytes& bytes) {
    sqlite3_bind_blob(statement, column, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
}

// Runs `commit(i)` and, each kCommitsAFold of them, `fold()`.
template <class Commit, class Fold>
Figures measure(int commits, int readings, Commit commit, Fold fold) {
    Figures figures;
    double commit_cpu = 0;
    double commit_wall = 0;
    const double cpu = thread_cpu_us();
    for (int i = 0; i < commits; ++i) {
        const double before_cpu = thread_cpu_us();
        const double before = wall_us();
        commit(i);
        commit_cpu += thread_cpu_us() - before_cpu;
        commit_wall += wall_us() - before;
        if ((i + 1) % kCommitsAFold == 0) fold();
    }
    const double count = static_cast<double>(commits) * readings;
    figures.cpu_us = (thread_cpu_us() - cpu) / count;
    figures.commit_us = commit_cpu / count;
    figures.wall_us = commit_wall / commits;
    return figures;
}

constexpr std::string_view kSessionTable =
    "CREATE TABLE session(id INTEGER PRIMARY KEY, secret BLOB, lease INT, mark INT, window INT, seen INT,"
    "path BLOB)";
constexpr const char* kMarkSession = "UPDATE session SET mark=?2, window=?3, seen=?4 WHERE id=?1";

void make_sessions(Db& db) {
    db.run(std::string(kSessionTable));
    db.run(
        fmt::format("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<{}) INSERT INTO"
                    " session SELECT i, randomblob(200), 0, 0, 0, 0, randomblob(36) FROM n",
                    kSessions - 1));
}

void bind_mark(sqlite3_stmt* statement, int session, std::int64_t number) {
    sqlite3_bind_int64(statement, 1, session);
    sqlite3_bind_int64(statement, 2, number);
    sqlite3_bind_int64(statement, 3, -1);
    sqlite3_bind_int64(statement, 4, number * 1000);
}

Figures row_a_reading(const std::string& file, int page_size, int commits, int readings) {
    Db db(file, page_size);
    make_sessions(db);
    db.run(
        "CREATE TABLE reading(number INTEGER PRIMARY KEY, device INT, resource INT, format INT, received INT,"
        "upstreams INT, payload BLOB)");
    auto* begin = db.prepare("BEGIN IMMEDIATE");
    auto* end = db.prepare("COMMIT");
    auto* insert = db.prepare("INSERT INTO reading VALUES(?1, ?2, 1, 112, ?1, 3, ?3)");
    auto* mark = db.prepare(kMarkSession);
    auto* trim = db.prepare("DELETE FROM reading WHERE number <= ?1");
    const Bytes payload(kPayloadBytes, 0x5a);
    std::int64_t number = 0;
    return measure(
        commits, readings,
        [&](int) {
            db.step(begin);
            for (int i = 0; i < readings; ++i) {
                ++number;
                const int session = static_cast<int>(number * 7919 % kSessions);
                sqlite3_bind_int64(insert, 1, number);
                sqlite3_bind_int64(insert, 2, session);
                bind_blob(insert, 3, payload);
                db.step(insert);
                bind_mark(mark, session, number);
                db.step(mark);
            }
            db.step(end);
        },
        [&] {
            sqlite3_bind_int64(trim, 1, number);
            db.step(trim);
            db.checkpoint();
        });
}

Figures page_a_commit(const std::string& file, int page_size, int commits, int readings) {
    Db db(file, page_size);
    make_sessions(db);
    db.run(
        "CREATE TABLE page(number INTEGER PRIMARY KEY, first INT, count INT, mask INT, received INT,"
        "effects BLOB, readings BLOB)");
    auto* begin = db.prepare("BEGIN IMMEDIATE");
    auto* end = db.prepare("COMMIT");
    auto* insert = db.prepare("INSERT INTO page VALUES(?1, ?2, ?3, 3, ?2, ?4, ?5)");
    auto* mark = db.prepare(kMarkSession);
    auto* trim = db.prepare("DELETE FROM page WHERE number <= ?1");
    const Bytes payload(kPayloadBytes, 0x5a);
    const Bytes reply(kReplyBytes, 0x60);
    std::map<int, std::int64_t> marks;
    Bytes effects;
    Bytes body;
    std::int64_t number = 0;
    return measure(
        commits, readings,
        [&](int i) {
            effects.clear();
            body.clear();
            ByteWriter effect(effects);
            ByteWriter reading(body);
            const std::int64_t first = number + 1;
            for (int k = 0; k < readings; ++k) {
                const auto n = static_cast<std::uint64_t>(++number);
                const int session = static_cast<int>(number * 7919 % kSessions);
                effect.u8(3).u64(static_cast<std::uint64_t>(session)).u64(n).u64(~0ULL).u64(n).u64(n * 1000);
                effect.u64(1).u64(2).u16(7).append_prefixed(reply, 2);
                const auto device = fmt::format("meter-{:05}", session);
                reading.append_prefixed(narrowgate::bytes_of(device), 1).u8(0).u8(1).u16(112).u32(7).u8(3);
                reading.append_prefixed(payload, 2);
                marks[session] = number;
            }
            db.step(begin);
            sqlite3_bind_int64(insert, 1, i + 1);
            sqlite3_bind_int64(insert, 2, first);
            sqlite3_bind_int64(insert, 3, readings);
            bind_blob(insert, 4, effects);
            bind_blob(insert, 5, body);
            db.step(insert);
            db.step(end);
        },
        [&] {
            db.step(begin);
            for (const auto& [session, value] : marks) {
                bind_mark(mark, session, value);
                db.step(mark);
            }
            marks.clear();
            sqlite3_bind_int64(trim, 1, number);  // page numbers are never above reading numbers
            db.step(trim);
            db.step(end);
            db.checkpoint();
        });
}

// The engine itself, with one upstream that acknowledges each commit's readings (on its own thread's
// account).
Figures the_store(const std::string& directory, int, int commits, int readings) {
    narrowgate::Log log(narrowgate::LogLevel::kError);
    const narrowgate::SystemClock clock;
    store::Options options;
    options.directory = directory;
    auto opened = store::Engine::open(options, log, clock);
    if (!opened) {
        fmt::print(stderr, "store_format_bench: {}\n", opened.error().text());
        std::exit(1);
    }
    auto& engine = **opened;
    engine.upstreams().insert(0, "bench", {});
    engine.ledger().add_upstream(0, "bench", {});
    std::vector<store::Unit> units(static_cast<std::size_t>(readings));
    std::vector<store::Outcome> outcomes;
    std::vector<store::ReadingNumber> numbers(units.size());
    std::uint64_t number = 0;
    double cpu = 0;
    double commit_cpu = 0;
    double commit_wall = 0;
    std::vector<narrowgate::Path> paths(kSessions);  // all of them to one address of ours
    for (std::size_t session = 0; session < paths.size(); ++session) {
        paths[session] = {*narrowgate::Address::from_text("192.0.2.1:5684"),
                          *narrowgate::Address::from_text(
                              fmt::format("198.51.100.{}:{}", session % 250, 20'000 + session))};
    }
    for (int i = 0; i < commits; ++i) {
        const auto now = clock.now().wall;
        for (std::size_t k = 0; k < units.size(); ++k) {
            numbers[k] = ++number;
            const auto session = number * 7919 % kSessions;
            units[k].mark = store::SessionMark{session, number, ~0ULL, 1 << 20, true, paths[session], now};
            units[k].reading = store::NewReading{fmt::format("meter-{:05}", session),
                                                 "water-meters",
                                                 "telemetry",
                                                 112,
                                                 Bytes(kPayloadBytes, 0x5a),
                                                 now,
                                                 1};
            units[k].reply = store::StoredReply{session, static_cast<std::uint16_t>(number),
                                                now + std::chrono::seconds(247), Bytes(kReplyBytes, 0x60)};
        }
        const double before = wall_us();
        const double began = thread_cpu_us();
        engine.commit(units, outcomes);
        const double committed = thread_cpu_us();
        commit_cpu += committed - began;
        commit_wall += wall_us() - before;
        cpu += committed - began;
        engine.ledger().acknowledge(0, numbers);
        const double acknowledged = thread_cpu_us();
        engine.keep_up(store::Engine::Upkeep::kWhenDue, false);
        cpu += thread_cpu_us() - acknowledged;
    }
    const double count = static_cast<double>(commits) * readings;
    return {.cpu_us = cpu / count, .commit_us = commit_cpu / count, .wall_us = commit_wall / commits};
}

struct Format {
    const char* name;
    Figures (*run)(const std::string&, int, int, int);
};
constexpr Format kFormats[]{
    {"row a reading", row_a_reading}, {"page a commit", page_a_commit}, {"the store", the_store}};

struct Options {
    bool json = false;
    std::string parent = std::filesystem::temp_directory_path();
    std::vector<int> readings{1, 10, 50, 200};
    std::vector<int> page_sizes{4096, 8192};
    int commits = 1024;
};

std::optional<int> positive(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1) return std::nullopt;
    return value;
}

// Nothing when the arguments are wrong, or are --help.
std::optional<Options> parse(std::span<char*> arguments) {
    Options options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view name = arguments[i];
        if (name == "--json") {
            options.json = true;
            continue;
        }
        if (++i == arguments.size()) return std::nullopt;
        if (name == "--directory") {
            options.parent = arguments[i];
        } else if (const auto number = positive(arguments[i]); !number) {
            return std::nullopt;
        } else if (name == "--readings") {
            options.readings = {*number};
            options.page_sizes = {4096};
        } else if (name == "--commits") {
            options.commits = *number;
        } else {
            return std::nullopt;
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse({argv + 1, static_cast<std::size_t>(argc - 1)});
    if (!options) {
        fmt::print(
            "Usage: store_format_bench [--json] [--directory DIR] [--readings N] [--commits N]\n"
            "Writer CPU a reading: a row a reading, a journal page a commit, the store as it is. DIR is on "
            "the\n"
            "disk to measure (default: the system's temporary directory); N: of a commit, in 4 KiB pages "
            "alone;\n"
            "how many commits (default 1024).\n");
        return argc == 2 && argv[1] == std::string_view("--help") ? 0 : 2;
    }
    std::string folder = options->parent + "/store_format_bench.XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) {
        fmt::print(stderr, "store_format_bench: cannot make a directory in {}\n", options->parent);
        return 1;
    }
    if (options->json) {
        fmt::print("{{\"budget_us\": {:.1f}, \"budget_readings_a_commit\": {}, \"results\": [", kBudgetUs,
                   kBudgetReadings);
    } else {
        fmt::print("{:<16} {:>8} {:>9} {:>12} {:>14} {:>14} {:>8}\n", "format", "db page", "a commit",
                   "µs CPU each", "of it, commit", "µs a commit", "budget");
    }
    bool first = true;
    for (const int page_size : options->page_sizes) {
        for (const int readings : options->readings) {
            for (const auto& [name, run] : kFormats) {
                if (run == the_store && page_size != 4096) continue;
                const auto path = fmt::format("{}/{}-{}-{}", folder, name, readings, page_size);
                const Figures f = run(path, page_size, options->commits, readings);
                const bool budgeted = run == the_store && readings == kBudgetReadings;
                if (options->json) {
                    fmt::print(
                        "{}\n {{\"format\": \"{}\", \"db_page_bytes\": {}, \"readings_a_commit\": {}, "
                        "\"writer_cpu_us\": {:.2f}, \"commit_cpu_us\": {:.2f}, \"commit_wall_us\": {:.0f}}}",
                        first ? "" : ",", name, page_size, readings, f.cpu_us, f.commit_us, f.wall_us);
                } else {
                    fmt::print("{:<16} {:>8} {:>9} {:>12.2f} {:>14.2f} {:>14.0f} {:>8}\n", name, page_size,
                               readings, f.cpu_us, f.commit_us, f.wall_us,
                               budgeted ? fmt::format("{:.1f}", kBudgetUs) : "");
                }
                first = false;
            }
        }
    }
    if (options->json) fmt::print("\n]}}\n");
    std::filesystem::remove_all(folder);
    return 0;
}
