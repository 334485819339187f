// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-nonce-audit: looks through recordings of narrowgate-nat for an AEAD nonce that was used twice.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/counts_json.hpp"

namespace {

using namespace narrowgate;

constexpr int kClean = 0;
constexpr int kCollision = 1;
constexpr int kNoVerdict = 2;

int complain(const std::string& text) {
    fmt::print(stderr, "narrowgate-nonce-audit: {}\n", text);
    return kNoVerdict;
}

struct Source {
    std::string path;
    sim::RecordingReader reader;
    std::optional<sim::Recorded> next;
};

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> paths;
    sim::NonceAuditOptions options;
    std::uint64_t min_records = 1'000, min_sessions = 1;

    CLI::App app(
        "Looks through recordings of narrowgate-nat, as one history, for a DTLS record number (and so an "
        "AEAD "
        "nonce) that was used for two different records of one session and direction. Prints what it "
        "examined "
        "as JSON. Exit status: 0 none was found, 1 at least one was, 2 there was too little to say so.");
    app.option_defaults()->always_capture_default();
    app.add_option("FILE", paths, "Recordings, in any order")->required();
    app.add_option("--cid-bytes", options.up_cid_bytes,
                   "Length of the gateway's connection IDs (dtls.cid_bytes)");
    app.add_option("--node-cid-bytes", options.down_cid_bytes,
                   "Length of the connection IDs that nodes ask for");
    app.add_option("--min-records", min_records, "Fewer in one direction are too few for a verdict");
    app.add_option("--min-sessions", min_sessions, "Fewer in one direction are too few for a verdict");
    CLI11_PARSE(app, argc, argv);

    std::vector<Source> sources;
    for (const std::string& path : paths) {
        auto reader = sim::RecordingReader::open(path);
        if (!reader) return complain(reader.error().text());
        sources.push_back({path, std::move(*reader), {}});
        sources.back().next = sources.back().reader.next();
    }
    sim::NonceAudit audit(options);
    for (;;) {
        Source* earliest = nullptr;
        for (Source& source : sources) {
            if (source.next && (!earliest || source.next->at < earliest->next->at)) earliest = &source;
        }
        if (!earliest) break;
        audit.examine(*earliest->next);
        earliest->next = earliest->reader.next();
    }

    const sim::NonceAuditCounts& counts = audit.counts();
    fmt::print("{}\n", to_json(counts).dump());
    for (const sim::NonceCollision& collision : audit.collisions()) {
        fmt::print(stderr, "{}: epoch {}, sequence {} at {} and, with other content, at {}\n",
                   collision.session, collision.number >> 48, collision.number & 0xffff'ffff'ffff,
                   to_rfc3339(collision.first), to_rfc3339(collision.second));
    }
    if (counts.collisions > 0) return kCollision;
    for (const Source& source : sources) {
        if (source.reader.damaged())
            return complain(source.path + " is damaged: the rest of it was not read");
    }
    if (std::min(counts.records_up, counts.records_down) < min_records ||
        std::min(counts.sessions_up, counts.sessions_down) < min_sessions) {
        return complain("this is too little to mean anything: record a longer run, or lower --min-records");
    }
    return kClean;
}
