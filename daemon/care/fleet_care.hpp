// SPDX-License-Identifier: Apache-2.0
//
// Keeps the book of devices (care_book.hpp): asks the shards every few seconds what their nodes have done,
// looks for those that have fallen silent, and has the store keep the figures about once a minute.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "daemon/care/care_book.hpp"
#include "daemon/ingress/shards.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// Thread: the main loop's. What it is given must outlive it, and the shards must have stopped when it goes.
class FleetCare {
public:
    struct Parts {
        io::EventLoop& loop;
        store::Store& store;
        Shards& shards;
        const CredentialDirectory& directory;
        std::span<const Fleet> fleets;
        Log& log;
    };

    explicit FleetCare(Parts parts);

    // After the shards have started. What the store has comes into memory a slice at a time.
    void start();
    // After the shards have stopped, before the store does: what they counted last is handed to the store.
    void finish();

    CareBook& book() { return book_; }
    CareTime time() const { return {.now = loop_.now(), .service = store_.service_time()}; }
    // `written`: what the store has.
    DeviceCare care_of(const store::Device& device, DeviceFigures written) const;

    // Around a durable change of credentials: known_by() before the directory forgets what was removed, then
    // changed().
    std::vector<std::string> known_by(std::span<const store::CredentialId> removed) const {
        return book_.known_by(removed);
    }
    void changed(std::span<const std::string> known, std::span<const store::CredentialRow> added);

private:
    void load_slice();
    void turn();
    void harvest();
    void take_arrived();
    void write_slice();
    bool hand_to_store(std::shared_ptr<FiguresByDevice> figures, std::function<void(Expected<void>)> done);
    void written(Expected<void> result);

    io::EventLoop& loop_;
    store::Store& store_;
    Shards& shards_;
    Log& log_;
    CareBook book_;

    std::unique_ptr<store::FiguresReader> reader_;  // while loading
    bool loaded_ = false;
    io::Source loading_timer_;
    io::Source turn_timer_;

    std::shared_ptr<FiguresByDevice> on_their_way_;  // to the store
    std::size_t left_ = 0;                           // devices, of what is to be written in this go
    SteadyTime next_write_{};
    bool failing_ = false;  // said so

    std::mutex mutex_;  // of the following, which shards fill
    std::vector<Activities> arrived_;
};

}  // namespace narrowgate::daemon
