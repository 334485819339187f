// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/block_uploads.hpp"

#include <algorithm>
#include <cstdlib>

namespace narrowgate::coap {
namespace {

// Two requests are blocks of one upload when these bytes are the same: the options that name the resource
// and the operation (RFC 7959 section 2.5, RFC 9175 section 3.3), each with its number and length.
std::string key_of(const Request& request) {
    Bytes key;
    ByteWriter writer(key);
    writer.u8(static_cast<std::uint8_t>(request.method));
    for (const auto& [number, value] : request.message.options()) {
        if (number == option::kUriPath || number == option::kUriQuery || number == option::kRequestTag) {
            writer.u16(number).append_prefixed(value, 2);
        }
    }
    return std::string(narrowgate::text_of(key));
}

// A block that another follows fills its size (RFC 7959 section 2.2).
bool is_well_formed(const BlockOption& block, ByteView payload) {
    return block.more ? payload.size() == block.block_bytes() : payload.size() <= block.block_bytes();
}

}  // namespace

BlockUploads::BlockUploads(UploadLimits limits) : limits_(limits) {}

BlockUploads::Outcome BlockUploads::receive(const Request& request, std::size_t max_payload,
                                            std::size_t max_application_bytes, Now now) {
    if (!request.block1) std::abort();
    expire(now);
    const BlockOption block = *request.block1;
    const std::size_t end = block.offset() + request.payload.size();
    auto key = key_of(request);
    auto upload = find(request.asked.session, key);

    const auto refuse = [&](Code code) {
        if (upload != uploads_.end()) erase(upload);
        return Refused{.code = code, .block1 = block};
    };
    const auto proceed = [&] {
        BlockOption acknowledged{.number = block.number, .more = true, .szx = block.szx};
        // The first block is where a smaller size can be agreed on (RFC 7959 section 2.3).
        if (block.number == 0) acknowledged.szx = std::min(block.szx, largest_szx(max_application_bytes));
        return Continue{acknowledged};
    };

    if (!is_well_formed(block, request.payload)) return refuse(Code::kBadRequest);
    if (end > max_payload || request.size1.value_or(0) > max_payload) {
        auto too_large = refuse(Code::kRequestEntityTooLarge);
        too_large.size1 = static_cast<std::uint32_t>(max_payload);
        return too_large;
    }
    if (block.number == 0) {
        if (upload != uploads_.end()) erase(upload);
        if (!block.more) return Complete{.body = request.payload, .block1 = block};
        upload = create(request, std::move(key));
    }
    if (upload == uploads_.end()) return refuse(Code::kRequestEntityIncomplete);
    if (upload->content_format != request.content_format) return refuse(Code::kRequestEntityIncomplete);

    upload->touched = now.steady;
    uploads_.splice(uploads_.end(), uploads_, upload);
    switch (fit_of(*upload, block, end)) {
        case Fit::kNext:
            append(upload, block, request.payload);
            break;
        case Fit::kSeenBefore:
            break;
        case Fit::kGap:
            return Refused{.code = Code::kRequestEntityIncomplete, .block1 = block};
        case Fit::kContradiction:
            return refuse(Code::kRequestEntityIncomplete);
    }
    if (block.more) return proceed();
    return Complete{.body = upload->body, .block1 = block, .upload = upload->id};
}

BlockUploads::Fit BlockUploads::fit_of(const Upload& upload, const BlockOption& block, std::size_t end) {
    const std::size_t held = upload.body.size();
    if (upload.complete) {
        const bool within = block.more ? end <= held : end == held;
        return within ? Fit::kSeenBefore : Fit::kContradiction;
    }
    if (block.offset() > held) return Fit::kGap;
    if (block.offset() == held || end > held) return Fit::kNext;
    // A last block that ends before what has followed it already.
    return block.more ? Fit::kSeenBefore : Fit::kContradiction;
}

void BlockUploads::release(UploadId upload) {
    if (const auto found = by_id_.find(upload); found != by_id_.end()) erase(found->second);
}

void BlockUploads::forget(SessionId session) {
    for (auto found = by_session_.find(session); found != by_session_.end();
         found = by_session_.find(session)) {
        erase(found->second.front());
    }
}

void BlockUploads::expire(Now now) {
    while (!uploads_.empty() && uploads_.front().touched + limits_.max_silence <= now.steady) {
        erase(uploads_.begin());
    }
}

BlockUploads::Uploads::iterator BlockUploads::find(SessionId session, const std::string& key) {
    const auto of_session = by_session_.find(session);
    if (of_session == by_session_.end()) return uploads_.end();
    const auto found =
        std::ranges::find_if(of_session->second, [&](const auto& upload) { return upload->key == key; });
    return found == of_session->second.end() ? uploads_.end() : *found;
}

BlockUploads::Uploads::iterator BlockUploads::create(const Request& request, std::string key) {
    const SessionId session = request.asked.session;
    if (const auto of_session = by_session_.find(session);
        of_session != by_session_.end() && of_session->second.size() >= limits_.max_uploads_per_session) {
        ++pushed_out_;
        erase(of_session->second.front());
    }
    const auto upload = uploads_.insert(uploads_.end(), Upload{.id = ++last_id_,
                                                               .session = session,
                                                               .key = std::move(key),
                                                               .content_format = request.content_format});
    by_id_.emplace(upload->id, upload);
    by_session_[session].push_back(upload);
    return upload;
}

void BlockUploads::erase(Uploads::iterator upload) {
    bytes_ -= upload->charged_bytes;
    by_id_.erase(upload->id);
    const auto of_session = by_session_.find(upload->session);
    of_session->second.remove(upload);
    if (of_session->second.empty()) by_session_.erase(of_session);
    uploads_.erase(upload);
}

void BlockUploads::append(Uploads::iterator upload, const BlockOption& block, ByteView payload) {
    // After a change of size a block may begin inside what is there already.
    upload->body.resize(block.offset());
    upload->body.insert(upload->body.end(), payload.begin(), payload.end());
    upload->complete = !block.more;
    const std::size_t held = upload->body.capacity() + upload->key.capacity();
    bytes_ += held - upload->charged_bytes;
    upload->charged_bytes = held;
    make_room(upload);
}

// `keep` is the most recently touched and so the last to be looked at.
void BlockUploads::make_room(Uploads::iterator keep) {
    while (uploads_.begin() != keep &&
           (uploads_.size() > limits_.max_uploads || bytes_ > limits_.max_bytes)) {
        ++pushed_out_;
        erase(uploads_.begin());
    }
}

}  // namespace narrowgate::coap
