// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/crypto.hpp"

#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/sha256.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace narrowgate::crypto {
namespace {

// The calls below fail only for lengths that these functions fix, or without memory.
void require(int mbedtls_result) {
    if (mbedtls_result != 0) std::abort();
}

struct GcmContext {
    explicit GcmContext(ByteView key) {
        mbedtls_gcm_init(&context);
        require(mbedtls_gcm_setkey(&context, MBEDTLS_CIPHER_ID_AES, key.data(), kAes256KeyBytes * 8));
    }
    ~GcmContext() { mbedtls_gcm_free(&context); }
    GcmContext(const GcmContext&) = delete;
    GcmContext& operator=(const GcmContext&) = delete;

    mbedtls_gcm_context context{};
};

void require_sizes(ByteView key, ByteView nonce) {
    if (key.size() != kAes256KeyBytes || nonce.size() != kGcmNonceBytes) std::abort();
}

}  // namespace

void fill_random(MutableBytes out) {
    while (!out.empty()) {
        const ssize_t filled = getrandom(out.data(), out.size(), 0);
        if (filled < 0 && errno == EINTR) continue;
        if (filled <= 0) std::abort();
        out = out.subspan(static_cast<std::size_t>(filled));
    }
}

std::uint64_t random_u64() {
    std::array<std::uint8_t, 8> bytes{};
    fill_random(bytes);
    return ByteReader(bytes).u64();
}

Digest sha256(ByteView message) {
    Digest digest{};
    require(mbedtls_sha256(message.data(), message.size(), digest.data(), 0));
    return digest;
}

Digest hmac_sha256(ByteView key, ByteView message) {
    Digest digest{};
    require(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key.data(), key.size(),
                            message.data(), message.size(), digest.data()));
    return digest;
}

Secret hkdf_sha256(ByteView key, ByteView salt, ByteView info, std::size_t bytes) {
    Bytes out(bytes);
    require(mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), salt.data(), salt.size(), key.data(),
                         key.size(), info.data(), info.size(), out.data(), out.size()));
    return Secret(std::move(out));
}

Bytes aes256_gcm_seal(ByteView key, ByteView nonce, ByteView additional_data, ByteView plaintext) {
    require_sizes(key, nonce);
    GcmContext gcm(key);
    Bytes sealed(plaintext.size() + kGcmTagBytes);
    require(mbedtls_gcm_crypt_and_tag(&gcm.context, MBEDTLS_GCM_ENCRYPT, plaintext.size(), nonce.data(),
                                      nonce.size(), additional_data.data(), additional_data.size(),
                                      plaintext.data(), sealed.data(), kGcmTagBytes,
                                      sealed.data() + plaintext.size()));
    return sealed;
}

std::optional<Secret> aes256_gcm_open(ByteView key, ByteView nonce, ByteView additional_data,
                                      ByteView sealed) {
    require_sizes(key, nonce);
    if (sealed.size() < kGcmTagBytes) return std::nullopt;
    GcmContext gcm(key);
    const ByteView text = sealed.first(sealed.size() - kGcmTagBytes);
    const ByteView tag = sealed.last(kGcmTagBytes);
    Bytes plaintext(text.size());
    const int result = mbedtls_gcm_auth_decrypt(&gcm.context, text.size(), nonce.data(), nonce.size(),
                                                additional_data.data(), additional_data.size(), tag.data(),
                                                tag.size(), text.data(), plaintext.data());
    if (result == MBEDTLS_ERR_GCM_AUTH_FAILED) return std::nullopt;
    require(result);
    return Secret(std::move(plaintext));
}

}  // namespace narrowgate::crypto
