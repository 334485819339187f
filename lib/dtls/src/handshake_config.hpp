// SPDX-License-Identifier: Apache-2.0
//
// What all handshakes of an endpoint share: the library's configuration, and the answer to who a peer is.
#pragma once

#include <mbedtls/ssl.h>

#include <array>

#include "narrowgate/dtls/credentials.hpp"
#include "narrowgate/dtls/options.hpp"

namespace narrowgate::dtls {

// A handshake's view of a PSK identity.
struct PeerKey {
    bool known = false;
    CredentialId credential = 0;
    Secret psk;
};

class HandshakeConfig {
public:
    HandshakeConfig(const Options& options, const CredentialLookup& credentials);
    ~HandshakeConfig();
    HandshakeConfig(const HandshakeConfig&) = delete;
    HandshakeConfig& operator=(const HandshakeConfig&) = delete;

    const mbedtls_ssl_config& get() const { return config_; }
    const Options& options() const { return options_; }

    // The key of `identity`; of one that does not exist, a pseudo-random one of this boot, so that the
    // handshake goes on and fails as with a wrong key. The work done is the same in both cases.
    PeerKey key_of(ByteView identity) const;

private:
    Options options_;
    std::array<std::uint8_t, 32> boot_key_;
    std::array<int, 4> suites_;

    const CredentialLookup& credentials_;  // not owned
    mbedtls_ssl_config config_;
};

}  // namespace narrowgate::dtls
