// SPDX-License-Identifier: Apache-2.0
//
// A store in a directory of its own under manual time, and units for it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "fakes/manual_clock.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::store {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string text = std::filesystem::temp_directory_path() / "store_test.XXXXXX";
        if (mkdtemp(text.data()) == nullptr) std::abort();
        path_ = text;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// Manual time that the writer thread may read while the test moves it.
class SharedClock final : public Clock {
public:
    Now now() const override {
        const std::lock_guard lock(mutex_);
        return clock_.now();
    }
    void advance(std::chrono::microseconds by) {
        const std::lock_guard lock(mutex_);
        clock_.advance(by);
    }

private:
    mutable std::mutex mutex_;
    fakes::ManualClock clock_;
};

// Where completions arrive, by ticket.
class Completions {
public:
    void put(std::vector<Completion>&& completions) {
        const std::lock_guard lock(mutex_);
        for (auto& completion : completions) {
            order_.push_back(completion.ticket);
            done_[completion.ticket] = completion;
        }
        arrived_.notify_all();
    }
    Completion wait_for(std::uint64_t ticket) {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [&] { return done_.contains(ticket); });
        return done_[ticket];
    }
    std::vector<std::uint64_t> order() {
        const std::lock_guard lock(mutex_);
        return order_;
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::map<std::uint64_t, Completion> done_;
    std::vector<std::uint64_t> order_;
};

inline constexpr std::string_view kActor = "user test (1000)";

inline Path path_from(std::uint16_t port) {
    return {*Address::from_text("192.0.2.1:5684"),
            *Address::from_text("198.51.100.7:" + std::to_string(port))};
}

inline Bytes payload_of(std::uint64_t number) {
    const auto text = "reading " + std::to_string(number);
    return {text.begin(), text.end()};
}

class StoreTest : public ::testing::Test {
protected:
    StoreTest() {
        options_.directory = directory_.path() / "state";
        options_.ballast_bytes = 65'536;
    }

    Expected<std::unique_ptr<Store>> try_open() { return Store::open(options_, log_, clock_); }

    void open() {
        auto opened = try_open();
        ASSERT_TRUE(opened.has_value()) << opened.error().text();
        store_ = std::move(*opened);
        completions_ = std::make_unique<Completions>();
        sink_ = store_->add_sink([done = completions_.get()](auto&& all) { done->put(std::move(all)); });
    }
    void reopen() {
        store_.reset();
        open();
    }

    std::uint64_t submit(Unit unit) {
        unit.sink = sink_;
        unit.ticket = ++ticket_;
        EXPECT_TRUE(store_->submit(std::move(unit)));
        return ticket_;
    }
    Outcome commit(Unit unit) { return completions_->wait_for(submit(std::move(unit))).outcome; }

    CredentialId add_device(const std::string& identity, const std::string& name = {}) {
        const auto added = store_->add_device(new_device(identity, name), kActor);
        EXPECT_TRUE(added.has_value()) << added.error().text();
        return added.value_or(0);
    }
    static NewDevice new_device(const std::string& identity, const std::string& name = {}) {
        return {identity, "water-meters", name, Secret(bytes_of("0123456789abcdef")), {}, {}};
    }

    SessionRow session(SessionId id, CredentialId credential) const {
        SessionRow row;
        row.id = id;
        row.credential = credential;
        row.cid = {0x10, 1, 2, 3, 4, static_cast<std::uint8_t>(id)};
        row.secret = Secret(bytes_of("master secret of session " + std::to_string(id)));
        row.path = path_from(5683);
        row.lease_end = 1024;
        row.right_edge = 1;
        row.window = 3;
        row.established = row.last_seen = clock_.now().wall;
        return row;
    }
    SessionMark mark(SessionId id, std::uint64_t right_edge) const {
        return {id, right_edge, ~std::uint64_t{0}, 2048, true, path_from(40'000), clock_.now().wall, 0, {}};
    }
    NewReading reading(Bytes payload, UpstreamMask upstreams = 1) const {
        return {"wm-0001",          "water-meters",    "telemetry", 112,
                std::move(payload), clock_.now().wall, upstreams};
    }
    Unit reading_unit(Bytes payload, UpstreamMask upstreams = 1) const {
        Unit unit;
        unit.reading = reading(std::move(payload), upstreams);
        return unit;
    }

    UpstreamId upstream(const std::string& name, const UpstreamOptions& options = {}) {
        const auto id = store_->upstream(name, options);
        EXPECT_TRUE(id.has_value()) << id.error().text();
        return id.value_or(0);
    }
    // All that waits for the upstream, from `from` on.
    std::vector<StoredReading> waiting(UpstreamId id, ReadingNumber from = 1) {
        auto reader = store_->reader();
        EXPECT_TRUE(reader.has_value());
        auto readings = (*reader)->read(from, 1'000'000, 1'000'000'000, id);
        EXPECT_TRUE(readings.has_value()) << readings.error().text();
        return std::move(*readings);
    }
    std::map<SessionId, SessionRow> sessions() {
        std::map<SessionId, SessionRow> rows;
        const auto loaded =
            store_->load_sessions([&](SessionRow&& row) { rows.emplace(row.id, std::move(row)); });
        EXPECT_TRUE(loaded.has_value()) << loaded.error().text();
        return rows;
    }
    std::vector<StoredReply> replies() {
        std::vector<StoredReply> all;
        const auto loaded =
            store_->load_replies([&](StoredReply&& reply) { all.push_back(std::move(reply)); });
        EXPECT_TRUE(loaded.has_value()) << loaded.error().text();
        return all;
    }
    void acknowledge(UpstreamId id, const std::vector<ReadingNumber>& numbers) {
        store_->acknowledge(id, numbers);
    }

    TemporaryDirectory directory_;
    SharedClock clock_;
    Log log_{LogLevel::kError};
    Options options_;
    std::unique_ptr<Completions> completions_;
    std::unique_ptr<Store> store_;
    SinkId sink_ = 0;
    std::uint64_t ticket_ = 0;
};

}  // namespace narrowgate::store
