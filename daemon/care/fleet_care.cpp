// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/fleet_care.hpp"

#include "daemon/events.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

constexpr seconds kCareTurn{10};
constexpr seconds kWriteInterval{60};
constexpr seconds kCareRetryInterval{10};
// A slice takes some milliseconds: of the main loop, which reads it, or of the writer between two commits.
constexpr std::size_t kRowsASlice = 500;

Bytes merged(ByteView before, const DeviceFigures& later) {
    // A body that cannot be read is begun anew: nothing hangs on it.
    DeviceFigures figures = decode_figures(before).value_or(DeviceFigures{});
    figures.add(later);
    return encode(figures);
}

}  // namespace

FleetCare::FleetCare(Parts parts)
    : loop_(parts.loop),
      store_(parts.store),
      shards_(parts.shards),
      log_(parts.log),
      book_(parts.directory, parts.fleets, parts.log),
      loading_timer_(loop_.timer([this] { load_slice(); })),
      turn_timer_(loop_.timer([this] { turn(); })) {}

void FleetCare::start() {
    const SteadyTime now = loop_.now().steady;
    book_.reserve(store_.status().devices);
    next_write_ = now + kWriteInterval;
    loading_timer_.arm(now);
    turn_timer_.arm(now + kCareTurn);
}

void FleetCare::load_slice() {
    const SteadyTime now = loop_.now().steady;
    const auto failed = [&](const Error& error) {
        log_.write(kEvent<"figures.load_failed">, {}, error);
        loading_timer_.arm(now + kCareRetryInterval);
    };
    if (!reader_) {
        auto reader = store_.figures_reader();
        if (!reader) return failed(reader.error());
        reader_ = std::move(*reader);
    }
    const CareTime at = time();
    const auto more = reader_->next(kRowsASlice, [&](store::FiguresRow&& row) { book_.load(row, at); });
    if (!more) return failed(more.error());
    if (*more) {
        loading_timer_.arm(now);
        return;
    }
    reader_.reset();
    loaded_ = true;
    book_.loaded(at);
}

void FleetCare::turn() {
    harvest();
    const CareTime at = time();
    book_.turn(at);
    if (loaded_ && !on_their_way_ && at.now.steady >= next_write_) {
        next_write_ = at.now.steady + kWriteInterval;
        left_ = book_.unwritten();
        write_slice();
    }
    turn_timer_.arm(at.now.steady + kCareTurn);
}

// Nobody waits: what a shard has is taken when it comes.
void FleetCare::harvest() {
    for (const auto& shard : shards_.all()) {
        (void)shard->harvest([this](Activities&& activities) {
            if (activities.empty()) return;
            {
                const std::scoped_lock lock(mutex_);
                arrived_.push_back(std::move(activities));
            }
            (void)loop_.post([this] { take_arrived(); });
        });
    }
}

void FleetCare::take_arrived() {
    std::vector<Activities> arrived;
    {
        const std::scoped_lock lock(mutex_);
        arrived.swap(arrived_);
    }
    for (const Activities& activities : arrived)
        book_.take(activities, time());
}

bool FleetCare::hand_to_store(std::shared_ptr<FiguresByDevice> figures,
                              std::function<void(Expected<void>)> done) {
    store::FiguresChange change;
    for (const auto& [device, its] : *figures)
        change.devices.push_back(device);
    change.merge = [figures](std::string_view device, ByteView before) {
        return merged(before, figures->at(std::string(device)));
    };
    change.done = std::move(done);
    return store_.change_figures(std::move(change));
}

void FleetCare::write_slice() {
    if (left_ == 0 || book_.unwritten() == 0) return;
    auto figures = std::make_shared<FiguresByDevice>(book_.take_pending(kRowsASlice));
    left_ -= std::min(left_, figures->size());
    on_their_way_ = figures;
    const bool taken = hand_to_store(figures, [this](Expected<void> result) {
        (void)loop_.post([this, result = std::move(result)] { written(result); });
    });
    if (!taken) book_.put_back(std::move(*std::exchange(on_their_way_, nullptr)));
}

void FleetCare::written(Expected<void> result) {
    const auto figures = std::exchange(on_their_way_, nullptr);
    if (result) {
        if (std::exchange(failing_, false))
            log_.write(kEvent<"figures.written_again">, {}, "figures of devices are written again");
        write_slice();
        return;
    }
    book_.put_back(std::move(*figures));
    if (!std::exchange(failing_, true)) {
        log_.write(kEvent<"figures.not_written">, {}, "figures of devices are not written: {}",
                   result.error().what);
    }
}

// The writer carries out what it has been given before it ends.
void FleetCare::finish() {
    for (const auto& shard : shards_.all())
        arrived_.push_back(shard->last_harvest());
    take_arrived();
    while (book_.unwritten() != 0) {
        const auto figures = std::make_shared<FiguresByDevice>(book_.take_pending(kRowsASlice));
        if (!hand_to_store(figures, nullptr)) return;
    }
}

DeviceCare FleetCare::care_of(const store::Device& device, DeviceFigures written) const {
    if (on_their_way_) {
        if (const auto its = on_their_way_->find(device.name); its != on_their_way_->end())
            written.add(its->second);
    }
    return book_.care_of(device.name, device.fleet, device.report_interval, written, time());
}

void FleetCare::changed(std::span<const std::string> known, std::span<const store::CredentialRow> added) {
    for (const store::CredentialRow& row : added)
        book_.add(row.device, row.fleet, row.id);
    for (const std::string& name : known) {
        if (std::ranges::find(added, name, &store::CredentialRow::device) != added.end()) continue;
        const auto device = store_.find_device(name);
        if (!device) continue;  // the disk's fault: it is found gone at the next start
        const store::CredentialInfo* other = nullptr;
        if (*device && !(*device)->revoked) {
            for (const store::CredentialInfo& credential : (*device)->credentials)
                if (!credential.revoked) other = &credential;
        }
        if (other != nullptr) {
            book_.add(name, (*device)->fleet, other->id);
        } else {
            book_.forget(name);
        }
    }
}

}  // namespace narrowgate::daemon
