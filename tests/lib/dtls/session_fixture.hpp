// SPDX-License-Identifier: Apache-2.0
//
// What the tests of a session's life share: sessions of a node, with and without connection IDs, and a node's
// keys for what a live client would not send.
#pragma once

#include <gtest/gtest.h>

#include "gateway.hpp"
#include "session_secret.hpp"

namespace narrowgate::dtls {

// Seals what a live client would not send, with the keys of a session of the journal: the node's own writing
// end.
class NodesKeys {
public:
    explicit NodesKeys(const Row& row, std::uint64_t next_sequence = 1000) {
        Session session;
        EXPECT_TRUE(decode_secret(Secret(ByteView(row.secret)), session));
        state_ = session.records;
        std::swap(state_.read_key, state_.write_key);
        std::swap(state_.read_iv, state_.write_iv);
        state_.peer_cid = {};
        state_.peer_cid.assign(row.cid);
        state_.own_cid = {};
        state_.next_sequence = next_sequence;
        state_.lease_end = ~std::uint64_t{0};
    }

    Bytes seal(ContentType type, ByteView payload) {
        std::array<std::uint8_t, 512> out;
        const auto size = seal_record(state_, type, payload, out).value();
        return Bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
    }
    Bytes says(std::string_view text) { return seal(ContentType::kApplicationData, bytes_of(text)); }

private:
    RecordState state_;
};

class SessionTest : public ::testing::Test {
protected:
    void establish(Node& node) {
        ASSERT_TRUE(node.shake_hands());
        session_ = newest();
    }
    void establish_and_confirm(Node& node) {
        establish(node);
        ASSERT_EQ(node.says("hello"), Fate::kReceipt);
    }
    // The session that came last.
    SessionId newest() const {
        SessionId found = 0;
        for (const auto& [id, row] : gateway_.journal) {
            if (!row.confirmed || found == 0) found = id;
        }
        return found;
    }
    Row& row() { return gateway_.journal.at(session_); }

    static fakes::DtlsClientOptions without_cid() {
        fakes::DtlsClientOptions options;
        options.offer_cid = false;
        return options;
    }

    Gateway gateway_;
    SessionId session_ = 0;
    const Path elsewhere_ = path_from(50'000);
};

class WithAndWithoutCid : public SessionTest, public ::testing::WithParamInterface<bool> {
protected:
    fakes::DtlsClientOptions options() const {
        return GetParam() ? fakes::DtlsClientOptions{} : without_cid();
    }
};

}  // namespace narrowgate::dtls
