// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/loader.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "daemon/events.hpp"
#include "daemon/ingress/disk_shelves.hpp"
#include "narrowgate/store/events.hpp"

namespace narrowgate::daemon {
namespace {

// Rows read and handed on at once. Restoring these takes a shard well below a millisecond, which is what its
// nodes wait at most.
constexpr std::size_t kBatch = 256;
// Batches under way to each shard: one is being restored while the next is read.
constexpr std::size_t kBatchesAShard = 2;
constexpr std::size_t kClosedAtOnce = 1000;
constexpr seconds kRetryInterval{10};

}  // namespace

struct Loader::Shared {
    StoredReplies replies;
    std::atomic<bool> loading{true};
    std::atomic<std::uint64_t> credentials{0};
    std::atomic<std::uint64_t> sessions{0};
    std::uint64_t credentials_total = 0;  // not changed once there are threads
    std::uint64_t sessions_total = 0;

    std::mutex mutex;
    std::condition_variable_any changed;
    std::size_t on_their_way = 0;                     // batches
    std::unordered_set<store::SessionId> unreadable;  // each once, whoever met it

    void is_unreadable(store::SessionId session) {
        const std::scoped_lock lock(mutex);
        unreadable.insert(session);
    }
    void sent() {
        const std::scoped_lock lock(mutex);
        ++on_their_way;
    }
    void arrived() {
        {
            const std::scoped_lock lock(mutex);
            --on_their_way;
        }
        changed.notify_all();
    }
};

Loader::Loader(Parts parts, std::shared_ptr<Shared> shared) : parts_(parts), shared_(std::move(shared)) {}

Loader::~Loader() {
    stop();
    // Not before the shards have stopped: what they ask for meanwhile must be found.
    parts_.credentials.load_from(nullptr);
}

Expected<std::unique_ptr<Loader>> Loader::prepare(Parts parts) {
    auto shared = std::make_shared<Shared>();
    const store::Status status = parts.store.status();
    shared->credentials_total = status.credentials;
    shared->sessions_total = status.sessions;
    if (const auto loaded = parts.store.load_replies(
            [&](store::StoredReply&& reply) { shared->replies.add(std::move(reply)); });
        !loaded) {
        return std::unexpected(loaded.error());
    }

    std::unique_ptr<Loader> loader(new Loader(parts, shared));
    const auto unreadable = [shared](store::SessionId session) { shared->is_unreadable(session); };
    const auto shards = parts.shards.all();
    for (const auto& shard : shards) {
        auto reader = parts.store.session_reader(unreadable);
        if (!reader) return std::unexpected(reader.error());
        shard->load_from(std::move(*reader), shared->replies, status.sessions / shards.size(), parts.clock);
    }
    auto sessions = parts.store.session_reader(unreadable);
    if (!sessions) return std::unexpected(sessions.error());
    loader->session_reader_ = std::move(*sessions);
    auto credentials = parts.store.credential_reader();
    if (!credentials) return std::unexpected(credentials.error());
    loader->credential_reader_ = std::move(*credentials);
    auto shelf = parts.store.credential_reader();
    if (!shelf) return std::unexpected(shelf.error());
    loader->credential_shelf_ = std::make_unique<DiskCredentialShelf>(std::move(*shelf), parts.clock);
    parts.credentials.reserve(status.credentials);
    parts.credentials.load_from(loader->credential_shelf_.get());
    return loader;
}

void Loader::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Loader::stop() {
    if (thread_.joinable()) {
        thread_.request_stop();
        thread_.join();
    }
}

LoadState Loader::progress() const {
    return {.loading = shared_->loading,
            .credentials = shared_->credentials,
            .credentials_total = shared_->credentials_total,
            .sessions = shared_->sessions,
            .sessions_total = shared_->sessions_total};
}

void Loader::run(const std::stop_token& stop) {
    (void)pthread_setname_np(pthread_self(), "loader");
    if (!load_credentials(stop)) return;
    parts_.credentials.load_from(nullptr);
    if (!load_sessions(stop)) return;
    for (const auto& shard : parts_.shards.all()) {
        shared_->sent();
        if (!shard->loaded([shared = shared_] { shared->arrived(); })) return;
    }
    if (!wait_for_shards(1, stop)) return;
    shared_->replies.clear();
    close_unreadable();
    shared_->loading = false;
    parts_.log.write(kEvent<"gateway.loaded">, {}, "{} sessions go on", shared_->sessions.load());
}

bool Loader::load_credentials(const std::stop_token& stop) {
    std::vector<store::CredentialRow> rows;
    for (bool more = true; more && !stop.stop_requested();) {
        rows.clear();
        const auto read = credential_reader_->next(
            kBatch, [&](store::CredentialRow&& row) { rows.push_back(std::move(row)); });
        parts_.credentials.load(rows);
        shared_->credentials += rows.size();
        if (!read && !pause(read.error(), stop)) return false;
        if (read) more = *read;
    }
    return !stop.stop_requested();
}

bool Loader::load_sessions(const std::stop_token& stop) {
    const auto shards = parts_.shards.all();
    for (bool more = true; more;) {
        std::unordered_map<Shard*, std::vector<store::SessionRow>> rows;
        const auto read = session_reader_->next(kBatch, [&](store::SessionRow&& row) {
            rows[&parts_.shards.owner_of(row)].push_back(std::move(row));
        });
        for (auto& [shard, batch] : rows) {
            if (!wait_for_shards(kBatchesAShard * shards.size(), stop)) return false;
            std::vector<store::SessionId> ids;
            for (const store::SessionRow& row : batch)
                ids.push_back(row.id);
            shared_->sent();
            const auto done = [shared = shared_,
                               ids = std::move(ids)](const std::vector<dtls::Restored>& restored) {
                std::uint64_t here = 0;
                for (std::size_t i = 0; i < ids.size(); ++i) {
                    if (restored[i] == dtls::Restored::kUnreadable) {
                        shared->is_unreadable(ids[i]);
                    } else {
                        ++here;
                    }
                }
                shared->sessions += here;
                shared->arrived();
            };
            if (!shard->restore(std::move(batch), done)) return false;
        }
        if (!read && !pause(read.error(), stop)) return false;
        if (read) more = *read;
    }
    return !stop.stop_requested();
}

bool Loader::wait_for_shards(std::size_t limit, const std::stop_token& stop) {
    std::unique_lock lock(shared_->mutex);
    return shared_->changed.wait(lock, stop, [&] { return shared_->on_their_way < limit; });
}

bool Loader::pause(const Error& error, const std::stop_token& stop) {
    parts_.log.write(kEvent<"gateway.load_failed">, {},
                     {fmt::format("sessions and credentials cannot be loaded, tried again every {} s: {}",
                                  kRetryInterval.count(), error.what),
                      error.cure});
    std::unique_lock lock(shared_->mutex);
    (void)shared_->changed.wait_for(lock, stop, kRetryInterval, [] { return false; });
    return !stop.stop_requested();
}

// A session that cannot be read ends: its node shakes hands again, and no other is touched.
void Loader::close_unreadable() {
    std::vector<store::SessionId> ids;
    {
        const std::scoped_lock lock(shared_->mutex);
        ids.assign(shared_->unreadable.begin(), shared_->unreadable.end());
    }
    if (ids.empty()) return;
    parts_.log.write(store::kEvent<"store.sessions_lost">, {},
                     "{} sessions on disk cannot be read and have ended: their nodes will shake hands again",
                     ids.size());
    const store::SinkId nobody = parts_.store.add_sink([](std::vector<store::Completion>&&) {});
    for (std::size_t i = 0; i < ids.size(); i += kClosedAtOnce) {
        store::Unit unit;
        const auto from = ids.begin() + static_cast<std::ptrdiff_t>(i);
        const auto count = std::min(kClosedAtOnce, ids.size() - i);
        unit.close.assign(from, from + static_cast<std::ptrdiff_t>(count));
        unit.sink = nobody;
        // Should the queue be full, they are found again at the next start.
        (void)parts_.store.submit(std::move(unit));
    }
}

}  // namespace narrowgate::daemon
