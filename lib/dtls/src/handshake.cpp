// SPDX-License-Identifier: Apache-2.0
#include "handshake.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "narrowgate/dtls/record_layer.hpp"
#include "record_protection.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::size_t kKeyBlockBytes = 2 * (kAes128KeyBytes + kImplicitNonceBytes);  // RFC 5246 section 6.3
constexpr std::size_t kMasterSecretBytes = 48;                                       // RFC 5246 section 8.1
// A Finished with the longest CID, tag and some padding; what is longer is none.
constexpr std::size_t kMaxFinishedRecordBytes = 128;
// ClientKeyExchange of a PSK suite: an identity behind its length (RFC 4279 section 2).
constexpr std::size_t kMaxClientKeyExchangeBytes = 2 + kMaxIdentityBytes;

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

Handshake::Handshake(const HandshakeConfig& config, const Path& path, const ClientHello& hello, ByteView cid,
                     Now now)
    : config_(config), hello_(hello), now_(now.steady) {
    trace_.offered = OfferedSuites::read(hello.suites);
    hello_.cookie = hello_.suites = {};  // views of a datagram that does not outlive this call
    trace_.path = path;
    trace_.started = trace_.last_progress = now.steady;
    mbedtls_ssl_init(&ssl_);
    check(mbedtls_ssl_setup(&ssl_, &config.get()) == 0);
    mbedtls_ssl_set_user_data_p(&ssl_, this);
    mbedtls_ssl_set_bio(&ssl_, this, send, receive, nullptr);
    mbedtls_ssl_set_timer_cb(&ssl_, this, set_timer, get_timer);
    mbedtls_ssl_set_export_keys_cb(&ssl_, export_keys, this);
    mbedtls_ssl_set_mtu(&ssl_, static_cast<std::uint16_t>(config.options().mtu));
    if (hello_.peer_cid) {
        own_cid_.assign(cid);
        check(mbedtls_ssl_set_cid(&ssl_, MBEDTLS_SSL_CID_ENABLED, own_cid_.bytes.data(), own_cid_.size) == 0);
    }
}

Handshake::~Handshake() {
    mbedtls_ssl_free(&ssl_);
}

Handshake::Progress Handshake::begin(const RecordHeader& hello, Now now) {
    const Progress progress = feed(hello.whole, now);
    trace_.step = HandshakeStep::kClientKeyExchange;
    if (progress != Progress::kContinues || output_.empty()) return Progress::kFailed;
    const auto agreed = read_server_hello(output_.front());
    if (!agreed) return Progress::kFailed;
    agreed_ = *agreed;
    check(agreed_.with_cid == hello_.peer_cid.has_value());
    trace_.with_cid = agreed_.with_cid;
    trace_.max_fragment = agreed_.max_fragment;
    return progress;
}

bool Handshake::began_with(const ClientHello& hello) const {
    return hello.random == hello_.random && hello.message_sequence == hello_.message_sequence;
}

bool Handshake::is_expected(const RecordHeader& record) const {
    if (record.type == ContentType::kChangeCipherSpec) {  // RFC 5246 section 7.1
        return record.fragment.size() == 1 && record.fragment[0] == 1;
    }
    if (record.type != ContentType::kHandshake) return false;
    const auto message = read_handshake_header(record.fragment);
    if (!message) return false;
    if (message->type == HandshakeType::kClientHello) {
        return message->message_sequence == hello_.message_sequence && message->whole();
    }
    if (message->type != HandshakeType::kClientKeyExchange || keys_exported_ ||
        message->message_sequence != hello_.message_sequence + 1 || message->length < 2 ||
        message->length > kMaxClientKeyExchangeBytes) {
        return false;
    }
    return !message->whole() || ByteReader(message->body).u16() == message->length - 2;
}

Handshake::Progress Handshake::accept_plain(const RecordHeader& record, Now now, Fate& fate) {
    fate = Fate::kStrayPlaintext;
    if (!is_expected(record)) return Progress::kContinues;
    fate = Fate::kHandshakeProgress;
    if (record.type == ContentType::kChangeCipherSpec) cipher_changed_ = true;
    const bool had_keys = keys_exported_;
    Progress progress = feed(record.whole, now);
    if (progress == Progress::kContinues && keys_exported_ && !had_keys) {
        trace_.step = HandshakeStep::kFinished;
        trace_.last_progress = now.steady;
        const Bytes early = std::exchange(early_, {});
        ByteView rest = early;
        Fate fate_of_early;
        if (const auto again = take_record(rest, own_cid_.size)) {
            progress = accept_protected(*again, now, fate_of_early);
        }
    }
    if (progress == Progress::kContinues && cipher_changed_ && !finished_.empty()) {
        const Bytes finished = std::exchange(finished_, {});
        progress = feed(finished, now);
    }
    return progress;
}

Handshake::Progress Handshake::accept_protected(const RecordHeader& record, Now now, Fate& fate) {
    if (record.whole.size() > kMaxFinishedRecordBytes) {
        fate = Fate::kUnfittingFinished;
        return Progress::kContinues;
    }
    if (!keys_exported_) {
        // Datagrams overtake each other. One is held; with more, the client will have to repeat its flight.
        fate = early_.empty() ? Fate::kHandshakeProgress : Fate::kStrayEarly;
        if (early_.empty()) early_.assign(record.whole.begin(), record.whole.end());
        return Progress::kContinues;
    }
    std::array<std::uint8_t, kMaxFinishedRecordBytes> scratch;
    const auto opened = open_record(agreement_.records, record.whole, scratch);
    if (!opened) {
        fate = opened.error() == RecordFault::kReplayed ? Fate::kReplayed : Fate::kUnfittingFinished;
        if (fate == Fate::kUnfittingFinished) ++trace_.unfitting_finished;
        return Progress::kContinues;
    }
    if (opened->content_type != ContentType::kHandshake || opened->payload.size() != kFinishedBytes ||
        opened->payload[0] != static_cast<std::uint8_t>(HandshakeType::kFinished)) {
        fate = Fate::kUnexpectedType;
        return Progress::kContinues;
    }
    fate = Fate::kHandshakeProgress;
    trace_.last_progress = now.steady;
    if (!cipher_changed_) {
        // The library would keep it too, but loses one with a CID.
        finished_.assign(record.whole.begin(), record.whole.end());
        return Progress::kContinues;
    }
    return feed(record.whole, now);
}

Handshake::Progress Handshake::feed(ByteView record, Now now) {
    // The library would see to its timer in place of the record.
    if (final_ && now.steady >= *final_ && on_timer(now) == Progress::kFailed) return Progress::kFailed;
    input_ = record;
    const Progress progress = step(now);
    input_ = {};
    return progress;
}

Handshake::Progress Handshake::on_timer(Now now) {
    return step(now);
}

Handshake::Progress Handshake::step(Now now) {
    now_ = now.steady;
    const auto sent_before = trace_.datagrams_out;
    const int result = mbedtls_ssl_handshake(&ssl_);
    if (result == MBEDTLS_ERR_SSL_WANT_READ) {
        // Once its first flight is out, the library speaks before the end only to repeat itself.
        const bool first = trace_.step == HandshakeStep::kClientHello;
        if (!first && trace_.datagrams_out > sent_before) ++trace_.retransmissions;
        return Progress::kContinues;
    }
    if (result != 0) {
        trace_.outcome =
            result == MBEDTLS_ERR_SSL_TIMEOUT ? HandshakeOutcome::kTimedOut : HandshakeOutcome::kRefused;
        return Progress::kFailed;
    }
    if (!key_known_) return Progress::kFailed;  // somebody guessed 256 random bits of this boot
    trace_.step = HandshakeStep::kCommit;
    trace_.outcome = HandshakeOutcome::kEstablished;
    read_last_flight();
    return Progress::kEstablished;
}

// Takes from the held flight what is needed to send it again without the library, and makes sure that the
// library has used no number of epoch 1 but 0: the next one is ours.
void Handshake::read_last_flight() {
    const RecordState& records = agreement_.records;
    std::size_t protected_records = 0;
    for (const Bytes& datagram : output_) {
        ByteView rest = datagram;
        while (const auto record = take_record(rest, records.peer_cid.size)) {
            if (record->epoch == 0) {
                agreement_.next_plain_sequence = record->sequence + 1;
                continue;
            }
            ++protected_records;
            WipedArray<kMaxFinishedRecordBytes> text;
            check(record->epoch == kProtectedEpoch && record->sequence == 0 &&
                  record->whole.size() <= text.size() &&
                  open_fragment(records.suite, records.write_key, records.write_iv, *record, text) &&
                  text[0] == static_cast<std::uint8_t>(HandshakeType::kFinished));
            std::copy_n(text.begin(), kFinishedBytes, agreement_.finished.begin());
        }
    }
    check(protected_records == 1);
    agreement_.last_flight = std::exchange(output_, {});
}

std::optional<SteadyTime> Handshake::deadline() const {
    return final_;
}

std::vector<Bytes> Handshake::take_output() {
    return std::exchange(output_, {});
}

Agreement Handshake::take_agreement() {
    return std::move(agreement_);
}

std::optional<CredentialId> Handshake::credential() const {
    if (!key_known_) return std::nullopt;
    return agreement_.credential;
}

Secret Handshake::on_identity(ByteView identity) {
    PeerKey key = config_.key_of(identity);
    trace_.identity.assign(identity.begin(), identity.end());
    trace_.identity_known = key_known_ = key.known;
    agreement_.credential = key.credential;
    return std::move(key.psk);
}

std::uint16_t Handshake::parts_of(ByteView datagram) const {
    unsigned parts = 0;
    const std::size_t peer_cid_bytes = hello_.peer_cid ? hello_.peer_cid->size : 0;
    while (const auto record = take_record(datagram, peer_cid_bytes)) {
        const bool plain = record->epoch == 0 && record->type != ContentType::kTls12Cid;
        parts |= static_cast<unsigned>(plain ? part_of(*record) : FlightPart::kFinished);
    }
    return static_cast<std::uint16_t>(parts);
}

int Handshake::send(void* self, const unsigned char* data, std::size_t size) {
    auto& handshake = *static_cast<Handshake*>(self);
    handshake.output_.emplace_back(data, data + size);
    auto& trace = handshake.trace_;
    trace.trail.left(handshake.parts_of({data, size}), size,
                     std::chrono::duration_cast<milliseconds>(handshake.now_ - trace.started));
    ++trace.datagrams_out;
    trace.bytes_out += static_cast<std::uint32_t>(size);
    trace.largest_out = std::max(trace.largest_out, static_cast<std::uint32_t>(size));
    return static_cast<int>(size);
}

int Handshake::receive(void* self, unsigned char* out, std::size_t size) {
    auto& handshake = *static_cast<Handshake*>(self);
    const ByteView record = std::exchange(handshake.input_, {});
    if (record.empty() || record.size() > size) return MBEDTLS_ERR_SSL_WANT_READ;
    std::ranges::copy(record, out);
    return static_cast<int>(record.size());
}

void Handshake::set_timer(void* self, std::uint32_t intermediate_ms, std::uint32_t final_ms) {
    auto& handshake = *static_cast<Handshake*>(self);
    if (final_ms == 0) {  // cancels, see mbedtls_ssl_set_timer_t
        handshake.intermediate_ = handshake.final_ = std::nullopt;
        return;
    }
    handshake.intermediate_ = handshake.now_ + milliseconds(intermediate_ms);
    handshake.final_ = handshake.now_ + milliseconds(final_ms);
}

int Handshake::get_timer(void* self) {
    const auto& handshake = *static_cast<const Handshake*>(self);
    if (!handshake.final_) return -1;
    if (handshake.now_ >= *handshake.final_) return 2;
    return handshake.now_ >= *handshake.intermediate_ ? 1 : 0;
}

void Handshake::export_keys(void* self, mbedtls_ssl_key_export_type, const unsigned char* secret,
                            std::size_t secret_bytes, const unsigned char client_random[kRandomBytes],
                            const unsigned char server_random[kRandomBytes], mbedtls_tls_prf_types prf) {
    auto& handshake = *static_cast<Handshake*>(self);
    check(secret_bytes == kMasterSecretBytes);
    WipedArray<kKeyBlockBytes> block;
    std::array<std::uint8_t, 2 * kRandomBytes> seed;
    std::copy_n(server_random, kRandomBytes, seed.begin());
    std::copy_n(client_random, kRandomBytes, seed.begin() + kRandomBytes);
    check(mbedtls_ssl_tls_prf(prf, secret, secret_bytes, "key expansion", seed.data(), seed.size(),
                              block.data(), block.size()) == 0);
    // RFC 5246 section 6.3: the client's key, the server's key, the client's IV, the server's IV.
    auto& records = handshake.agreement_.records;
    auto from = block.begin();
    for (const MutableBytes part : {MutableBytes(records.read_key), MutableBytes(records.write_key),
                                    MutableBytes(records.read_iv), MutableBytes(records.write_iv)}) {
        std::copy_n(from, part.size(), part.begin());
        from += static_cast<std::ptrdiff_t>(part.size());
    }
    records.suite = handshake.agreed_.suite;
    records.own_cid = handshake.own_cid_;
    if (handshake.hello_.peer_cid) records.peer_cid = *handshake.hello_.peer_cid;
    records.next_sequence = 1;
    handshake.agreement_.max_fragment = handshake.agreed_.max_fragment;
    handshake.keys_exported_ = true;
}

}  // namespace narrowgate::dtls
