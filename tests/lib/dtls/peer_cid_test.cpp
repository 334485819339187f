// SPDX-License-Identifier: Apache-2.0
//
// mbedTLS clients that want a CID of their own in what they are sent (RFC 9146 allows up to 255 bytes; we
// write up to kMaxPeerCidBytes).
#include <gtest/gtest.h>

#include "session_fixture.hpp"

namespace narrowgate::dtls {
namespace {

class ClientsWithCids : public SessionTest, public ::testing::WithParamInterface<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Bytes, ClientsWithCids, ::testing::Values(0, 1, 4, 8, 16, 32));

TEST_P(ClientsWithCids, SpeakBothWaysBeforeAndAfterACrash) {
    fakes::DtlsClientOptions options;
    options.own_cid = Bytes(GetParam(), 0xc1);
    Node node(gateway_, options);
    establish_and_confirm(node);
    const std::string most(gateway_.endpoint().max_application_bytes(session_), 'x');
    EXPECT_EQ(node.hears(session_, most), most);
    const auto reply = gateway_.reply(session_, "where is the CID?");
    ASSERT_TRUE(reply.has_value());
    if (!options.own_cid.empty()) {
        EXPECT_EQ(to_hex(ByteView(*reply).subspan(11, GetParam())), to_hex(options.own_cid));
    }
    for (int crash = 0; crash < 3; ++crash) {
        gateway_.crash();
        node.path = path_from(static_cast<std::uint16_t>(51'000 + crash));
        EXPECT_EQ(node.says("after the crash, from elsewhere"), Fate::kReceipt);
        EXPECT_EQ(node.hears(session_, most), most);
        EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
    }
    EXPECT_EQ(gateway_.counters().handshakes_completed, 0u);
}

}  // namespace
}  // namespace narrowgate::dtls
