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

// mbedTLS wants a list that ends in 0 and outlives the configuration.
constexpr std::array kCcm8Suites{MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8, 0};
constexpr std::array kCcmSuites{MBEDTLS_TLS_PSK_WITH_AES_128_CCM, 0};
constexpr std::array kGcmSuites{MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256, 0};

const int* suites_of(Suite suite) {
    switch (suite) {
        case Suite::kCcm:
            return kCcmSuites.data();
        case Suite::kGcm:
            return kGcmSuites.data();
        case Suite::kCcm8:
            break;
    }
    return kCcm8Suites.data();
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
    explicit Impl(const DtlsOptions& options) : mtu(options.mtu) {
        mbedtls_ssl_config_init(&config);
        mbedtls_ssl_init(&ssl);
        must(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT));
        mbedtls_ssl_conf_rng(&config, random_bytes, nullptr);
        mbedtls_ssl_conf_ciphersuites(&config, suites_of(options.suite));
        mbedtls_ssl_conf_handshake_timeout(&config,
                                           static_cast<std::uint32_t>(options.handshake_timeout_min.count()),
                                           static_cast<std::uint32_t>(options.handshake_timeout_max.count()));
        const ByteView identity = bytes_of(options.identity);
        must(mbedtls_ssl_conf_psk(&config, options.psk.data(), options.psk.size(), identity.data(),
                                  identity.size()));
        must(mbedtls_ssl_conf_cid(&config, 0, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE));
        must(mbedtls_ssl_setup(&ssl, &config));
        offer_cid = options.connection_id;
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

    const std::size_t mtu;
    bool offer_cid = true;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    State state = State::kIdle;
    std::string failure;
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
    mbedtls_ssl_set_mtu(&impl.ssl, static_cast<std::uint16_t>(impl.mtu));
    must(mbedtls_ssl_set_cid(&impl.ssl, impl.offer_cid ? MBEDTLS_SSL_CID_ENABLED : MBEDTLS_SSL_CID_DISABLED,
                             nullptr, 0));
    impl.failure.clear();
    impl.state = State::kHandshaking;
    impl.step();
}

std::vector<Bytes> DtlsSession::receive(ByteView datagram, Now now) {
    Impl& impl = *impl_;
    impl.now = now.steady;
    std::vector<Bytes> messages;
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
    impl_->state = State::kIdle;
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

}  // namespace narrowgate::sim
