// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/store_source.hpp"

#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace narrowgate::daemon {
namespace {

class StoreSource final : public ReadingSource {
public:
    StoreSource(store::Store& store, store::UpstreamId upstream, const CommittedHead& head,
                std::unique_ptr<store::Reader> reader)
        : store_(store),
          upstream_(upstream),
          head_(head),
          id_prefix_(store::reading_id(store.uuid(), 0)),
          reader_(std::move(reader)) {
        id_prefix_.pop_back();  // the number 0
    }

    Expected<std::vector<Reading>> read(ReadingNumber from, std::size_t max_count,
                                        std::size_t max_bytes) override {
        auto stored = reader_->read(from, max_count, max_bytes, upstream_);
        if (!stored) return std::unexpected(std::move(stored.error()));
        std::vector<Reading> readings;
        readings.reserve(stored->size());
        for (store::StoredReading& one : *stored) {
            readings.push_back({.number = one.number,
                                .id = id_of(one.number),
                                .device = std::move(one.device),
                                .fleet = std::move(one.fleet),
                                .resource = std::move(one.resource),
                                .received = one.received,
                                .content_format = one.content_format,
                                .payload = std::move(one.payload)});
        }
        return readings;
    }
    void acknowledge(std::span<const ReadingNumber> numbers) override {
        store_.acknowledge(upstream_, numbers);
    }
    void dead_letter(ReadingNumber number, std::string reason) override {
        store_.dead_letter(upstream_, number, std::move(reason));
    }
    std::optional<ReadingNumber> returned() override {
        const std::uint64_t returns = store_.returns();
        if (returns == seen_returns_) return std::nullopt;
        seen_returns_ = returns;
        return store_.first_returned(upstream_);
    }
    ReadingNumber head() const override { return head_.get(); }

private:
    std::string id_of(ReadingNumber number) const {
        std::array<char, 20> digits;  // of 2^64
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        std::string id;
        id.reserve(id_prefix_.size() + digits.size());
        id += id_prefix_;
        id.append(digits.data(), end);
        return id;
    }

    store::Store& store_;
    const store::UpstreamId upstream_;
    const CommittedHead& head_;
    std::string id_prefix_;  // of every id: what comes before its number
    const std::unique_ptr<store::Reader> reader_;
    std::uint64_t seen_returns_ = 0;
};

}  // namespace

Expected<std::unique_ptr<ReadingSource>> store_source(store::Store& store, store::UpstreamId upstream,
                                                      const CommittedHead& head) {
    auto reader = store.reader();
    if (!reader) return std::unexpected(std::move(reader.error()));
    return std::make_unique<StoreSource>(store, upstream, head, std::move(*reader));
}

}  // namespace narrowgate::daemon
