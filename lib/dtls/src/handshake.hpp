// SPDX-License-Identifier: Apache-2.0
//
// One handshake, from a ClientHello with a good cookie to the keys of a session. mbedTLS does the protocol;
// this class decides what it gets to see. mbedTLS ends a handshake for a record that does not authenticate,
// so nothing stray reaches it: unprotected records are checked for type, message and length, protected ones
// are opened with the exported keys first.
//
// What remains, as with any DTLS 1.2: a forger on the path who sends a well-formed ClientKeyExchange of his
// own before the node's makes that one attempt time out.
#pragma once

#include <mbedtls/ssl.h>

#include <optional>
#include <vector>

#include "client_hello.hpp"
#include "handshake_config.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/counters.hpp"
#include "narrowgate/dtls/handshake_trace.hpp"
#include "narrowgate/dtls/record_state.hpp"

namespace narrowgate::dtls {

// RFC 5246 section 7.4.9 (12 bytes of verify_data) behind the header of RFC 6347 section 4.2.2.
inline constexpr std::size_t kFinishedBytes = kHandshakeHeaderBytes + 12;
using FinishedMessage = WipedArray<kFinishedBytes>;

// What a completed handshake hands over.
struct Agreement {
    RecordState records;  // next_sequence 1: our Finished had 0. The client's Finished is in the window.
    CredentialId credential = 0;
    std::size_t max_fragment = 0;           // bytes of plaintext in a record; 0: not limited
    std::vector<Bytes> last_flight;         // ChangeCipherSpec and Finished, not sent yet
    FinishedMessage finished;               // ours, to be sealed again if the last flight is lost
    std::uint64_t next_plain_sequence = 0;  // epoch 0, for a ChangeCipherSpec that goes with it
};

// Not movable: the library keeps its address.
class Handshake {
public:
    enum class Progress : std::uint8_t { kContinues, kEstablished, kFailed };

    // `cid`: ours, used only if the client speaks RFC 9146. `config` must outlive the handshake.
    Handshake(const HandshakeConfig& config, const Path& path, const ClientHello& hello, ByteView cid,
              Now now);
    ~Handshake();
    Handshake(const Handshake&) = delete;
    Handshake& operator=(const Handshake&) = delete;

    // The ClientHello itself, once after construction.
    Progress begin(const RecordHeader& hello, Now now);
    // Whether `hello` is the one this handshake began with, sent again or duplicated.
    bool began_with(const ClientHello& hello) const;
    // A record of epoch 0, or one of the peer's first protected epoch. `fate` says what became of it.
    Progress accept_plain(const RecordHeader& record, Now now, Fate& fate);
    Progress accept_protected(const RecordHeader& record, Now now, Fate& fate);

    // When on_timer() is due; nothing: no timer runs.
    std::optional<SteadyTime> deadline() const;
    Progress on_timer(Now now);

    // Flights to be sent now to path(). Empties them.
    std::vector<Bytes> take_output();
    // After kEstablished, once.
    Agreement take_agreement();

    const Path& path() const { return trace_.path; }
    ByteView cid() const { return own_cid_.view(); }  // empty: not negotiated, or not offered
    std::optional<CredentialId> credential() const;
    HandshakeTrace& trace() { return trace_; }
    const HandshakeTrace& trace() const { return trace_; }

    // For the library's callback: the key to go on with.
    Secret on_identity(ByteView identity);

private:
    static int send(void* self, const unsigned char* data, std::size_t size);
    static int receive(void* self, unsigned char* out, std::size_t size);
    static void set_timer(void* self, std::uint32_t intermediate_ms, std::uint32_t final_ms);
    static int get_timer(void* self);
    static void export_keys(void* self, mbedtls_ssl_key_export_type type, const unsigned char* secret,
                            std::size_t secret_bytes, const unsigned char client_random[kRandomBytes],
                            const unsigned char server_random[kRandomBytes], mbedtls_tls_prf_types prf);

    bool is_expected(const RecordHeader& record) const;
    // FlightParts of a datagram of ours.
    std::uint16_t parts_of(ByteView datagram) const;
    Progress feed(ByteView record, Now now);
    Progress step(Now now);
    void read_last_flight();

    // Constant after construction.
    const HandshakeConfig& config_;  // not owned
    ClientHello hello_;
    ConnectionId<kMaxCidBytes> own_cid_;

    mbedtls_ssl_context ssl_;
    HandshakeTrace trace_;
    SteadyTime now_;
    std::optional<SteadyTime> intermediate_;
    std::optional<SteadyTime> final_;
    ByteView input_;  // the one record that the library may read now
    std::vector<Bytes> output_;

    ServerHello agreed_;
    bool key_known_ = false;
    bool keys_exported_ = false;
    bool cipher_changed_ = false;  // the peer's ChangeCipherSpec has come
    Bytes early_;                  // a Finished, perhaps, that came before ClientKeyExchange
    Bytes finished_;               // one that is authentic, but came before ChangeCipherSpec
    Agreement agreement_;
};

}  // namespace narrowgate::dtls
