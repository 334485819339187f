// SPDX-License-Identifier: Apache-2.0
//
// Upstreams on disk: names, progress, and the readings they refused.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/store/range_set.hpp"
#include "narrowgate/store/reading.hpp"
#include "returned.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

Bytes encode_progress(const RangeSet& progress);
std::optional<RangeSet> decode_progress(ByteView bytes);

// Throws SqlFault. Thread: the writer's.
class UpstreamTable {
public:
    explicit UpstreamTable(Database& database);

    // `progress` is nothing where it cannot be read.
    void for_each(const std::function<void(UpstreamId, std::string name, std::optional<RangeSet>)>& visit);
    void insert(UpstreamId id, std::string_view name, const RangeSet& progress);
    void remove(UpstreamId id);
    void set_progress(UpstreamId id, const RangeSet& progress);

    void add_dead_letter(const DeadLetter& letter);
    // The oldest beyond `keep` go, but for those that wait to be sent again. Returns how many went.
    std::size_t trim_dead_letters(std::size_t keep);

    // --- Letters that wait to be sent again
    void for_each_returned(const std::function<void(std::string upstream, Returned)>& visit);
    // It was refused again.
    void refuse_returned(const DeadLetter& letter);
    // It was taken.
    void remove_returned(std::string_view upstream, ReadingNumber number);
    // They are ordinary dead letters again.
    void hold_returned(std::string_view upstream);

    // `upstream` empty: of all. Newest first.
    std::vector<DeadLetter> dead_letters(std::size_t count, std::string_view upstream);

private:
    Database& database_;
    Statement set_progress_;
    Statement add_dead_letter_;
};

}  // namespace narrowgate::store
