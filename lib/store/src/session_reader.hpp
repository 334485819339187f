// SPDX-License-Identifier: Apache-2.0
//
// Sessions put together from their two parts, on a connection of its own.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "mark.hpp"
#include "narrowgate/store/loading.hpp"
#include "sealer.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

class SessionTableReader final : public SessionReader {
public:
    // `bad`: a session whose row or mark cannot be opened. Throws SqlFault.
    SessionTableReader(const std::filesystem::path& file, const std::string& file_layer, const Sealer& sealer,
                       std::function<void(SessionId)> bad);

    Expected<bool> next(std::size_t count, const Take& take) override;
    Expected<void> find_by_cid(ByteView cid, const Take& take) override;
    Expected<void> find_by_path(const Path& path, const Take& take) override;
    Expected<void> find_of(CredentialId credential, const Take& take) override;

    // Every session with its mark, without its secret. Throws SqlFault.
    void for_each_plain(const Take& take);

private:
    // The blocks of marks, as far as sessions are asked for in ascending order. Valid within one snapshot.
    class Marks {
    public:
        explicit Marks(SessionTableReader& reader) : reader_(reader) {}
        std::optional<SessionMark> find(SessionId session);

    private:
        void load(SessionId session);

        SessionTableReader& reader_;
        Bytes block_;
        MarkCursor cursor_;
        bool loaded_ = false;
        bool more_ = false;
        std::optional<std::int64_t> end_;  // first of the next block
    };

    void give(const Query& query, Marks& marks, const Take& take, bool with_secret = true);
    template <class F>
    auto within_snapshot(F action) -> Expected<decltype(action())>;

    std::filesystem::path file_;
    Database database_;
    const Sealer& sealer_;
    std::function<void(SessionId)> bad_;
    Statement after_;
    Statement by_cid_;
    Statement by_path_;
    Statement of_;
    Statement block_;
    Statement next_block_;
    std::optional<std::int64_t> from_;  // the least that next() may give; nothing: it has given all
};

}  // namespace narrowgate::store
