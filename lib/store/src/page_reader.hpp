// SPDX-License-Identifier: Apache-2.0
//
// Reads waiting readings straight from the journal's pages, on a connection of its own.
#pragma once

#include "ledger.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/store/store.hpp"
#include "replay_scan.hpp"
#include "replays.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

class PageReader final : public Reader {
public:
    // Throws SqlFault.
    PageReader(const std::filesystem::path& file, const std::string& file_layer, const Ledger& ledger,
               Replays& replays, Log& log);

    Expected<std::vector<StoredReading>> read(ReadingNumber from, std::size_t max_count,
                                              std::size_t max_bytes, UpstreamId upstream) override;
    Expected<ReplaySlice> replay(UpstreamId upstream, ReplayJob job, ReadingNumber from,
                                 std::size_t max_count, std::size_t max_bytes) override;

private:
    std::vector<StoredReading> from_pages(ReadingNumber from, std::size_t max_count, std::size_t max_bytes,
                                          UpstreamId upstream);
    // Puts the dead letters at or after `from` that wait again between them, in their places.
    void add_returned(ReadingNumber from, std::size_t max_count, std::size_t max_bytes, UpstreamId upstream,
                      std::vector<StoredReading>& readings);
    // Once a page.
    void complain_of(PageNumber page);

    std::filesystem::path file_;
    Database database_;
    Statement pages_;
    Statement letters_;
    ReplayScan scan_;
    const Ledger& ledger_;
    Replays& replays_;
    Log& log_;
    PageNumber complained_of_ = 0;
};

}  // namespace narrowgate::store
