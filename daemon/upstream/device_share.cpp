// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/device_share.hpp"

#include <string_view>
#include <utility>

namespace narrowgate::daemon {
namespace {

// FNV-1a: the same in every process, and nobody gains by steering it.
std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash ^ (hash >> 32);
}

class DeviceShare final : public ReadingSource {
public:
    DeviceShare(std::unique_ptr<ReadingSource> source, std::size_t index, std::size_t count)
        : source_(std::move(source)), index_(index), count_(count) {}

    Expected<std::vector<Reading>> read(ReadingNumber from, std::size_t max_count,
                                        std::size_t max_bytes) override {
        for (;;) {
            auto readings = source_->read(from, max_count, max_bytes);
            if (!readings || readings->empty()) return readings;
            from = readings->back().number + 1;
            drop_others(*readings);
            // Nothing at all means that there is nothing more: look on behind the others' readings.
            if (!readings->empty()) return readings;
        }
    }
    void acknowledge(std::span<const ReadingNumber> numbers) override { source_->acknowledge(numbers); }
    void dead_letter(ReadingNumber number, std::string reason) override {
        source_->dead_letter(number, std::move(reason));
    }
    std::optional<ReadingNumber> returned() override { return source_->returned(); }
    ReadingNumber head() const override { return source_->head(); }
    std::optional<ReplayStretch> replay() const override { return source_->replay(); }
    Expected<ReplayPart> read_replay(ReadingNumber from, std::size_t max_count,
                                     std::size_t max_bytes) override {
        auto part = source_->read_replay(from, max_count, max_bytes);
        if (part) drop_others(part->readings);
        return part;
    }
    void leave_out(std::span<const ReadingNumber> numbers) override { source_->leave_out(numbers); }

private:
    void drop_others(std::vector<Reading>& readings) const {
        std::erase_if(readings,
                      [&](const Reading& reading) { return hash_of(reading.device) % count_ != index_; });
    }

    const std::unique_ptr<ReadingSource> source_;
    const std::size_t index_;
    const std::size_t count_;
};

}  // namespace

std::unique_ptr<ReadingSource> device_share(std::unique_ptr<ReadingSource> source, std::size_t index,
                                            std::size_t count) {
    if (count <= 1) return source;
    return std::make_unique<DeviceShare>(std::move(source), index, count);
}

}  // namespace narrowgate::daemon
