// SPDX-License-Identifier: Apache-2.0
#include "sim/dtls_session.hpp"

#include <mbedtls/error.h>
#include <mbedtls/ssl.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::sim {
namespace {

unsigned char max_fragment_code(std::size_t bytes) {
    switch (bytes) {
        case 512:
            return MBEDTLS_SSL_MAX_FRAG_LEN_512;
        case 1024:
            return MBEDTLS_SSL_MAX_FRAG_LEN_1024;
        case 2048:
            return MBEDTLS_SSL_MAX_FRAG_LEN_2048;
        default:
            return MBEDTLS_SSL_MAX_FRAG_LEN_NONE;
    }
}

int random_bytes(void*, unsigned char* out, std::size_t bytes) {
    crypto::fill_random({out, bytes});
    return 0;
}

void must(int result) {
    if (result != 0) std::abort();  // only wrong options or lack of memory lead here
}

}  // namespace

struct DtlsSession::Impl {
    explicit Impl(const DtlsOptions& chosen)
        : options(chosen), suites(chosen.suites.begin(), chosen.suites.end()) {
        suites.push_back(0);  // as mbedTLS wants its lists to end
        mbedtls_ssl_config_init(&config);
        mbedtls_ssl_init(&ssl);
        must(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT));
        mbedtls_ssl_conf_rng(&config, random_bytes, nullptr);
        mbedtls_ssl_conf_ciphersuites(&config, suites.data());
        mbedtls_ssl_conf_handshake_timeout(&config,
                                           static_cast<std::uint32_t>(options.handshake_timeout_min.count()),
                                           static_cast<std::uint32_t>(options.handshake_timeout_max.count()));
        const ByteView identity = bytes_of(options.identity);
        must(mbedtls_ssl_conf_psk(&config, options.psk.data(), options.psk.size(), identity.data(),
                                  identity.size()));
        must(mbedtls_ssl_conf_cid(&config, options.own_cid.size(), MBEDTLS_SSL_UNEXPECTED_CID_IGNORE));
        must(mbedtls_ssl_conf_max_frag_len(&config, max_fragment_code(options.max_fragment)));
        mbedtls_ssl_conf_extended_master_secret(&config, options.extended_master_secret
                                                             ? MBEDTLS_SSL_EXTENDED_MS_ENABLED
                                                             : MBEDTLS_SSL_EXTENDED_MS_DISABLED);
        must(mbedtls_ssl_setup(&ssl, &config));
        mbedtls_ssl_set_bio(&ssl, this, put, take, nullptr);
        mbedtls_ssl_set_timer_cb(&ssl, this, set_timer, get_timer);
    }
    ~Impl() {
        mbedtls_ssl_free(&ssl);
        mbedtls_ssl_config_free(&config);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    static int put(void* self, const unsigned char* bytes, std::size_t size) {
        static_cast<Impl*>(self)->outbox.emplace_back(bytes, bytes + size);
        return static_cast<int>(size);
    }
    static int take(void* self, unsigned char* out, std::size_t room) {
        auto& incoming = static_cast<Impl*>(self)->incoming;
        if (incoming.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
        const std::size_t size = std::min(room, incoming.size());
        std::copy_n(incoming.begin(), size, out);
        incoming = {};
        return static_cast<int>(size);
    }
    static void set_timer(void* self, std::uint32_t intermediate_ms, std::uint32_t final_ms) {
        auto& impl = *static_cast<Impl*>(self);
        impl.intermediate.reset();
        impl.final.reset();
        if (final_ms == 0) return;
        impl.intermediate = impl.now + milliseconds(intermediate_ms);
        impl.final = impl.now + milliseconds(final_ms);
    }
    static int get_timer(void* self) {
        const auto& impl = *static_cast<Impl*>(self);
        if (!impl.final) return -1;
        if (impl.now >= *impl.final) return 2;
        return impl.now >= *impl.intermediate ? 1 : 0;
    }

    void fail(int result) {
        std::array<char, 128> words{};
        mbedtls_strerror(result, words.data(), words.size());
        failure = words.data();
        error = result;
        state = State::kFailed;
        final.reset();
    }

    void step() {
        const int result = mbedtls_ssl_handshake(&ssl);
        if (result == 0) {
            state = State::kEstablished;
        } else if (result != MBEDTLS_ERR_SSL_WANT_READ && result != MBEDTLS_ERR_SSL_WANT_WRITE) {
            fail(result);
        }
    }

    const DtlsOptions options;
    std::vector<int> suites;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    State state = State::kIdle;
    std::string failure;
    int error = 0;
    SteadyTime now;
    std::optional<SteadyTime> intermediate;
    std::optional<SteadyTime> final;
    ByteView incoming;
    std::deque<Bytes> outbox;
};

DtlsSession::DtlsSession(const DtlsOptions& options) : impl_(std::make_unique<Impl>(options)) {}
DtlsSession::~DtlsSession() = default;
DtlsSession::DtlsSession(DtlsSession&&) noexcept = default;

void DtlsSession::connect(Now now) {
    Impl& impl = *impl_;
    impl.now = now.steady;
    impl.outbox.clear();
    must(mbedtls_ssl_session_reset(&impl.ssl));
    mbedtls_ssl_set_mtu(&impl.ssl, static_cast<std::uint16_t>(impl.options.mtu));
    mbedtls_ssl_set_datagram_packing(&impl.ssl, impl.options.pack_datagrams ? 1 : 0);
    if (impl.options.connection_id) {
        const Bytes& cid = impl.options.own_cid;
        must(mbedtls_ssl_set_cid(&impl.ssl, MBEDTLS_SSL_CID_ENABLED, cid.data(), cid.size()));
    } else {
        must(mbedtls_ssl_set_cid(&impl.ssl, MBEDTLS_SSL_CID_DISABLED, nullptr, 0));
    }
    impl.failure.clear();
    impl.error = 0;
    impl.state = State::kHandshaking;
    impl.step();
}

std::vector<Bytes> DtlsSession::receive(ByteView datagram, Now now) {
    Impl& impl = *impl_;
    impl.now = now.steady;
    std::vector<Bytes> messages;
    // The library would see to its timer in place of the datagram.
    if (impl.state == State::kHandshaking && impl.final && impl.now >= *impl.final) impl.step();
    impl.incoming = datagram;
    if (impl.state == State::kHandshaking) impl.step();
    // The rest of the datagram, and later ones: a record each turn until mbedTLS wants another datagram.
    std::array<std::uint8_t, MBEDTLS_SSL_IN_CONTENT_LEN> plain;
    while (impl.state == State::kEstablished) {
        const int size = mbedtls_ssl_read(&impl.ssl, plain.data(), plain.size());
        if (size > 0) {
            messages.emplace_back(plain.begin(), plain.begin() + size);
        } else if (size == MBEDTLS_ERR_SSL_WANT_READ || size == MBEDTLS_ERR_SSL_WANT_WRITE) {
            break;
        } else if (size == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            impl.state = State::kClosed;
        } else {
            impl.fail(size);
        }
    }
    impl.incoming = {};
    return messages;
}

void DtlsSession::advance(Now now) {
    impl_->now = now.steady;
    if (impl_->state == State::kHandshaking) impl_->step();
}

std::optional<SteadyTime> DtlsSession::next_deadline() const {
    return impl_->state == State::kHandshaking ? impl_->final : std::nullopt;
}

bool DtlsSession::send(ByteView application_data, Now now) {
    impl_->now = now.steady;
    if (impl_->state != State::kEstablished) return false;
    const int sent = mbedtls_ssl_write(&impl_->ssl, application_data.data(), application_data.size());
    if (sent < 0) impl_->fail(sent);
    return sent >= 0 && static_cast<std::size_t>(sent) == application_data.size();
}

void DtlsSession::close(Now now) {
    impl_->now = now.steady;
    if (impl_->state == State::kEstablished) (void)mbedtls_ssl_close_notify(&impl_->ssl);
    impl_->state = State::kClosed;
}

std::optional<Bytes> DtlsSession::next_datagram() {
    if (impl_->outbox.empty()) return std::nullopt;
    Bytes datagram = std::move(impl_->outbox.front());
    impl_->outbox.pop_front();
    return datagram;
}

DtlsSession::State DtlsSession::state() const {
    return impl_->state;
}

bool DtlsSession::has_connection_id() const {
    int enabled = MBEDTLS_SSL_CID_DISABLED;
    std::array<std::uint8_t, MBEDTLS_SSL_CID_OUT_LEN_MAX> peer{};
    std::size_t size = 0;
    const int result = mbedtls_ssl_get_peer_cid(&impl_->ssl, &enabled, peer.data(), &size);
    return result == 0 && enabled == MBEDTLS_SSL_CID_ENABLED && size > 0;
}

std::string DtlsSession::failure() const {
    return impl_->failure;
}

int DtlsSession::error() const {
    return impl_->error;
}

}  // namespace narrowgate::sim
