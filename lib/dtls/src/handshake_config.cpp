// SPDX-License-Identifier: Apache-2.0
#include "handshake_config.hpp"

#include <cstdlib>

#include "handshake.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/dtls/record_state.hpp"

namespace narrowgate::dtls {
namespace {

// 128 bits, as keys for these suites are made: the work with a key depends on how long it is.
constexpr std::size_t kUsualPskBytes = 16;

int random_bytes(void*, unsigned char* out, std::size_t size) {
    crypto::fill_random({out, size});
    return 0;
}

// The endpoint asks for cookies before a context exists, and checks them.
int never_writes_cookies(void*, unsigned char**, unsigned char*, const unsigned char*, std::size_t) {
    return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

int cookie_was_checked(void*, const unsigned char*, std::size_t, const unsigned char*, std::size_t) {
    return 0;
}

int psk_of_identity(void*, mbedtls_ssl_context* ssl, const unsigned char* identity, std::size_t size) {
    auto* handshake = static_cast<Handshake*>(mbedtls_ssl_get_user_data_p(ssl));
    const Secret psk = handshake->on_identity({identity, size});
    return mbedtls_ssl_set_hs_psk(ssl, psk.view().data(), psk.size());
}

}  // namespace

HandshakeConfig::HandshakeConfig(const Options& options, const CredentialLookup& credentials)
    : options_(options),
      // Shortest expansion first: the server's order decides.
      suites_{static_cast<int>(CipherSuite::kPskAes128Ccm8), static_cast<int>(CipherSuite::kPskAes128Ccm),
              static_cast<int>(CipherSuite::kPskAes128GcmSha256), 0},
      credentials_(credentials) {
    crypto::fill_random(boot_key_);
    mbedtls_ssl_config_init(&config_);
    if (mbedtls_ssl_config_defaults(&config_, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0 ||
        mbedtls_ssl_conf_cid(&config_, options.cid_bytes, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE) != 0) {
        std::abort();
    }
    mbedtls_ssl_conf_min_tls_version(&config_, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(&config_, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_ciphersuites(&config_, suites_.data());
    mbedtls_ssl_conf_rng(&config_, random_bytes, nullptr);
    mbedtls_ssl_conf_psk_cb(&config_, psk_of_identity, nullptr);
    mbedtls_ssl_conf_dtls_cookies(&config_, never_writes_cookies, cookie_was_checked, nullptr);
    mbedtls_ssl_conf_handshake_timeout(&config_,
                                       static_cast<std::uint32_t>(options.handshake_timeout_min.count()),
                                       static_cast<std::uint32_t>(options.handshake_timeout_max.count()));
    // Of epoch 0 it would be a weapon: one forged record with a high number, and the genuine ones are late.
    // Messages have numbers of their own; the only record of epoch 1 was opened by our record layer before.
    mbedtls_ssl_conf_dtls_anti_replay(&config_, MBEDTLS_SSL_ANTI_REPLAY_DISABLED);
}

HandshakeConfig::~HandshakeConfig() {
    mbedtls_ssl_config_free(&config_);
    wipe(boot_key_);
}

PeerKey HandshakeConfig::key_of(ByteView identity) const {
    PeerKey key;
    auto pseudo = crypto::hmac_sha256(boot_key_, identity);
    Credential found;
    const bool in_range = !identity.empty() && identity.size() <= kMaxIdentityBytes;
    key.known = in_range && credentials_.find(identity, found) && !found.psk.empty() &&
                found.psk.size() <= kMaxPskBytes;
    key.credential = found.id;
    key.psk = key.known ? std::move(found.psk) : Secret(ByteView(pseudo).first(kUsualPskBytes));
    wipe(pseudo);
    return key;
}

}  // namespace narrowgate::dtls
