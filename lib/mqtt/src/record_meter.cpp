// SPDX-License-Identifier: Apache-2.0
#include "record_meter.hpp"

#include <algorithm>

namespace narrowgate::mqtt {

void RecordMeter::feed(ByteView bytes, const std::function<void(const RecordSeen&)>& on_record) {
    while (!bytes.empty() && !not_tls_) {
        if (header_filled_ < kHeaderBytes) {
            header_[header_filled_++] = bytes.front();
            bytes = bytes.subspan(1);
            if (header_filled_ < kHeaderBytes) continue;
            body_bytes_ = static_cast<std::size_t>(header_[3]) << 8 | header_[4];
            body_seen_ = 0;
            head_ = {};
            not_tls_ = header_[0] < kTypeChangeCipherSpec || header_[0] > kTypeApplicationData ||
                       header_[1] != 3 || body_bytes_ > kMaxContentBytes;
            if (not_tls_) return;
        }
        const std::size_t now = std::min(bytes.size(), body_bytes_ - body_seen_);
        for (std::size_t i = 0; i < now && body_seen_ + i < head_.size(); ++i)
            head_[body_seen_ + i] = bytes[i];
        body_seen_ += now;
        bytes = bytes.subspan(now);
        if (body_seen_ < body_bytes_) continue;

        on_record({.content_type = header_[0],
                   .size_bytes = kHeaderBytes + body_bytes_,
                   .head = head_,
                   .content_bytes = body_bytes_,
                   .after_change_cipher_spec = change_cipher_spec_seen_});
        change_cipher_spec_seen_ = change_cipher_spec_seen_ || header_[0] == kTypeChangeCipherSpec;
        header_filled_ = 0;
        body_bytes_ = body_seen_ = 0;
    }
}

std::optional<PartialRecord> RecordMeter::pending() const {
    if (pending_bytes() == 0 || not_tls_) return std::nullopt;
    return PartialRecord{.content_type = header_[0],
                         .seen_bytes = pending_bytes(),
                         .size_bytes = header_filled_ < kHeaderBytes ? 0 : kHeaderBytes + body_bytes_};
}

}  // namespace narrowgate::mqtt
