// SPDX-License-Identifier: Apache-2.0
//
// Fills memory from the store while nodes are answered already: credentials first, so that handshakes cost a
// look-up in memory again, then sessions. What a node needs before it is here is looked up on disk.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "daemon/devices/credential_directory.hpp"
#include "daemon/ingress/shards.hpp"
#include "daemon/status.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// Thread: the one that made it, unless a call says otherwise.
class Loader {
public:
    // What it reads from, fills and tells. All must outlive the loader.
    struct Parts {
        store::Store& store;
        CredentialDirectory& credentials;
        Shards& shards;
        const Clock& clock;
        Log& log;
    };

    // Before the shards are started: reads the answers of the last minutes, and shows directory and shards
    // the way to the disk. Fails when the store cannot be read.
    static Expected<std::unique_ptr<Loader>> prepare(Parts parts);
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    // After the shards were started. A disk that fails later is logged and tried again until it works.
    void start();
    // Gives up what is not loaded yet; before the shards are stopped. Idempotent.
    void stop();

    LoadState progress() const;  // Thread: any

private:
    struct Shared;
    explicit Loader(Parts parts, std::shared_ptr<Shared> shared);

    void run(const std::stop_token& stop);
    bool load_credentials(const std::stop_token& stop);
    bool load_sessions(const std::stop_token& stop);
    // Waits until less than `limit` batches are on their way to shards. False: told to stop.
    bool wait_for_shards(std::size_t limit, const std::stop_token& stop);
    // After a failure of the disk. False: told to stop.
    bool pause(const Error& error, const std::stop_token& stop);
    void close_unreadable();

    const Parts parts_;
    const std::shared_ptr<Shared> shared_;  // with callbacks in the shards' threads
    std::unique_ptr<store::CredentialReader> credential_reader_;
    std::unique_ptr<store::SessionReader> session_reader_;
    std::unique_ptr<CredentialShelf> credential_shelf_;
    std::jthread thread_;
};

}  // namespace narrowgate::daemon
