// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/store_source.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
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
        for (store::StoredReading& one : *stored)
            readings.push_back(reading_of(std::move(one)));
        return readings;
    }
    void acknowledge(std::span<const ReadingNumber> numbers) override {
        if (std::ranges::none_of(numbers, is_replayed)) {
            store_.acknowledge(upstream_, numbers);
            return;
        }
        std::vector<ReadingNumber> waiting;
        std::ranges::remove_copy_if(numbers, std::back_inserter(waiting), is_replayed);
        store_.acknowledge(upstream_, waiting);
        end_replayed(numbers, store::ReplayFate::kSent);
    }
    void leave_out(std::span<const ReadingNumber> numbers) override {
        end_replayed(numbers, store::ReplayFate::kLeftOut);
    }
    std::optional<ReplayStretch> replay() const override {
        const auto span = store_.replay_of(upstream_);
        if (!span) return std::nullopt;
        return ReplayStretch{.from = replayed_number(span->job, span->from),
                             .end = replayed_number(span->job, span->end)};
    }
    Expected<ReplayPart> read_replay(ReadingNumber from, std::size_t max_count,
                                     std::size_t max_bytes) override {
        const auto span = store_.replay_of(upstream_);
        if (!span || !is_of(span->job, from)) return ReplayPart{.readings = {}, .next = from};
        auto slice = reader_->replay(upstream_, span->job, number_of(from), max_count, max_bytes);
        if (!slice) return std::unexpected(std::move(slice.error()));
        ReplayPart part;
        part.next = replayed_number(span->job, std::min(slice->next, span->end));
        part.readings.reserve(slice->readings.size());
        for (store::StoredReading& one : slice->readings) {
            part.readings.push_back(reading_of(std::move(one)));
            ReadingNumber& number = part.readings.back().number;
            number = replayed_number(span->job, number);
        }
        return part;
    }
    void dead_letter(ReadingNumber number, std::string reason) override {
        if (is_replayed(number)) {
            const auto span = store_.replay_of(upstream_);
            if (span && is_of(span->job, number))
                store_.replay_refused(upstream_, span->job, number_of(number), std::move(reason));
            return;
        }
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
    // Of a replayed one.
    static ReadingNumber number_of(ReadingNumber number) {
        return number & ((ReadingNumber{1} << kReplayJobShift) - 1);
    }
    static bool is_of(store::ReplayJob job, ReadingNumber number) {
        return replayed_number(job, number_of(number)) == number;
    }
    // Those among them that are of the replay in progress.
    void end_replayed(std::span<const ReadingNumber> numbers, store::ReplayFate fate) {
        const auto span = store_.replay_of(upstream_);
        if (!span) return;
        std::vector<ReadingNumber> ended;
        for (const ReadingNumber number : numbers) {
            if (is_of(span->job, number)) ended.push_back(number_of(number));
        }
        store_.replayed(upstream_, span->job, ended, fate);
    }
    Reading reading_of(store::StoredReading&& one) const {
        return {.number = one.number,
                .id = id_of(one.number),
                .device = std::move(one.device),
                .fleet = std::move(one.fleet),
                .resource = std::move(one.resource),
                .received = one.received,
                .content_format = one.content_format,
                .payload = std::move(one.payload)};
    }
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
