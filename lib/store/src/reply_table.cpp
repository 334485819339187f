// SPDX-License-Identifier: Apache-2.0
#include "reply_table.hpp"

#include <algorithm>
#include <utility>

#include "varint.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint8_t kReplyListFormat = 1;
constexpr std::uint64_t kRowsInBound = 64;

}  // namespace

void ReplyList::add(const StoredReply& reply) {
    if (bytes_.empty()) bytes_.push_back(kReplyListFormat);
    ByteWriter(bytes_).u64(reply.session).u16(reply.message_id);
    put_signed_varint(bytes_, (reply.expires - previous_).count());
    put_prefixed(bytes_, reply.reply);
    previous_ = reply.expires;
    expires_ = std::max(expires_, reply.expires);
}

std::optional<std::vector<StoredReply>> decode_replies(ByteView bytes) {
    std::vector<StoredReply> replies;
    ByteReader reader(bytes);
    if (reader.u8() != kReplyListFormat) return std::nullopt;
    std::int64_t previous = 0;
    while (reader.ok() && reader.remaining() != 0) {
        StoredReply reply;
        reply.session = reader.u64();
        reply.message_id = reader.u16();
        previous = add_wrapping(previous, take_signed_varint(reader));
        reply.expires = WallTime(std::chrono::microseconds(previous));
        const auto message = take_prefixed(reader);
        reply.reply.assign(message.begin(), message.end());
        replies.push_back(std::move(reply));
    }
    if (!reader.finished()) return std::nullopt;
    return replies;
}

ReplyTable::ReplyTable(Database& database, std::uint64_t max_bytes)
    : database_(database),
      max_bytes_(max_bytes),
      insert_(database, "INSERT INTO reply_page(expires, body) VALUES(?1, ?2)"),
      oldest_(database, "SELECT number, expires, length(body) FROM reply_page ORDER BY number"),
      remove_(database, "DELETE FROM reply_page WHERE number <= ?1") {}

void ReplyTable::add(const StoredReply& reply) {
    if (unfolded_.empty() || unfolded_.back().bytes().size() >= max_bytes_ / kRowsInBound)
        unfolded_.emplace_back();
    auto& list = unfolded_.back();
    const auto before = list.bytes().size();
    list.add(reply);
    unfolded_bytes_ += list.bytes().size() - before;
}

void ReplyTable::begin_fold() {
    folding_ = std::exchange(unfolded_, {});
    unfolded_bytes_ = 0;
}

void ReplyTable::fold(WallTime now) {
    count_stored();
    for (const auto& list : folding_) {
        if (list.expires() <= now) continue;
        insert_.run(list.expires(), list.bytes());
        *stored_bytes_ += list.bytes().size();
    }
    expire(now);
}

void ReplyTable::expire(WallTime now) {
    count_stored();
    std::optional<std::int64_t> upto;
    {
        Query query(oldest_);
        while (query.next() && (*stored_bytes_ > max_bytes_ || query.time(1) <= now)) {
            upto = query.integer(0);
            *stored_bytes_ -= query.number(2);
        }
    }
    if (upto) remove_.run(*upto);
}

void ReplyTable::fold_done() {
    folding_.clear();
}

void ReplyTable::count_stored() {
    if (stored_bytes_) return;
    stored_bytes_ = static_cast<std::uint64_t>(
        database_.integer("SELECT coalesce(sum(length(body)), 0) FROM reply_page"));
}

std::size_t ReplyTable::load(WallTime now, const std::function<void(StoredReply&&)>& take) {
    std::size_t bad = 0;
    Statement select(database_, "SELECT body FROM reply_page ORDER BY number");
    Query query(select);
    while (query.next()) {
        auto replies = decode_replies(query.blob(0));
        if (!replies) {
            ++bad;
            continue;
        }
        for (auto& reply : *replies) {
            if (reply.expires > now) take(std::move(reply));
        }
    }
    return bad;
}

}  // namespace narrowgate::store
