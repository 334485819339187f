// SPDX-License-Identifier: Apache-2.0
//
// Raw datagrams into an endpoint that has a session with a CID, one without, and a handshake in progress on
// each of two further paths. Why: this is all that a stranger can reach without a key: the cutting into
// records, ClientHello and cookies, what a handshake lets through to mbedTLS, and the record layer up to its
// tags. Since a fuzzer cannot guess tags, what is authentic is reached by the fuzzer of decrypted messages
// instead. Input: datagrams, each behind one byte that picks the path and lets time pass, and two bytes of
// length.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fakes/dtls_client.hpp"
#include "fakes/manual_clock.hpp"
#include "narrowgate/dtls/endpoint.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::size_t kPaths = 4;

class OneCredential final : public CredentialLookup {
public:
    bool find(ByteView identity, Credential& out) const override {
        if (text_of(identity) != "node") return false;
        out.id = 1;
        out.psk = Secret(ByteView(Bytes(16, 0x5a)));
        return true;
    }
};

// Commits at once. Nobody holds the keys but the two nodes, which say nothing: whatever is authentic is a
// forgery.
class World final : public Listener {
public:
    World() {
        for (std::size_t i = 0; i < kPaths; ++i) {
            fakes::DtlsClientOptions options;
            options.offer_cid = i % 2 == 0;
            nodes_[i] = std::make_unique<fakes::DtlsClient>(options);
        }
        // Sessions supersede one another as long as they are unconfirmed, so the first node says one thing.
        run(0, true);
        const Bytes first = nodes_[0]->seal(bytes_of("x"), clock_.now().steady);
        endpoint_.receive(first, path_of(0), clock_.now());
        run(1, true);
        run(2, false);
        run(3, false);
        expecting_nothing_ = true;
    }

    void datagram(std::size_t path, ByteView bytes, milliseconds pause) {
        clock_.advance(pause);
        const auto deadline = endpoint_.next_deadline();
        if (deadline && *deadline <= clock_.now().steady) endpoint_.advance(clock_.now());
        (void)endpoint_.receive(bytes, path_of(path), clock_.now());
        if (endpoint_.sessions() != 2) std::abort();
    }

    void send(const Path&, ByteView datagram) override {
        if (datagram.size() > Options().mtu) std::abort();
        sent_.emplace_back(datagram.begin(), datagram.end());
        if (sent_.size() > 64) sent_.clear();
    }
    bool admits_handshake(const Path&, Now) override { return true; }
    void on_established(const SessionRecord& record, std::optional<SessionId>) override {
        if (expecting_nothing_) std::abort();
        endpoint_.session_committed(record.id, clock_.now());
    }
    void on_receipt(const Receipt& receipt, ByteView) override {
        if (expecting_nothing_) std::abort();
        endpoint_.committed(receipt, clock_.now());
    }
    void on_session_ended(SessionId, CredentialId, EndReason) override { std::abort(); }
    void on_handshake_ended(const HandshakeTrace&) override {}

private:
    static Path path_of(std::size_t index) {
        return {*Address::from_text("192.0.2.1:5684"),
                *Address::from_text("198.51.100.7:" + std::to_string(40'000 + index))};
    }

    // To the end, or to where the ServerHello flight is out.
    void run(std::size_t index, bool to_the_end) {
        auto& node = *nodes_[index];
        node.start(clock_.now().steady);
        for (int turn = 0; turn < (to_the_end ? 4 : 2); ++turn) {
            for (const Bytes& up : node.take_datagrams())
                endpoint_.receive(up, path_of(index), clock_.now());
            for (const Bytes& down : std::exchange(sent_, {}))
                node.receive(down, clock_.now().steady);
        }
        if (node.established() != to_the_end) std::abort();
    }

    fakes::ManualClock clock_;
    OneCredential credentials_;
    std::array<std::unique_ptr<fakes::DtlsClient>, kPaths> nodes_;
    std::vector<Bytes> sent_;
    bool expecting_nothing_ = false;
    EstablishmentOrder order_;
    Endpoint endpoint_{Options(), credentials_, Bytes(32, 7), order_, *this};
};

}  // namespace
}  // namespace narrowgate::dtls

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrowgate;
    dtls::World world;
    ByteReader reader({data, size});
    while (reader.remaining() > 0) {
        const std::uint8_t how = reader.u8();
        const std::size_t length = reader.u16();
        if (!reader.ok()) break;
        const auto datagram = reader.take(std::min(length, reader.remaining()));
        world.datagram(how % dtls::kPaths, datagram, milliseconds((how / dtls::kPaths) * 200));
    }
    return 0;
}
