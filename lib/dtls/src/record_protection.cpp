// SPDX-License-Identifier: Apache-2.0
#include "record_protection.hpp"

#include <mbedtls/ccm.h>
#include <mbedtls/gcm.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace narrowgate::dtls {
namespace {

constexpr std::size_t kNonceBytes = kImplicitNonceBytes + kExplicitNonceBytes;
// RFC 9146 section 5: 8 of placeholder, type, CID length, type, version, epoch and sequence, CID, length.
constexpr std::size_t kMaxAdditionalBytes = 8 + 1 + 1 + 1 + 2 + 8 + kMaxPeerCidBytes + 2;

using Nonce = std::array<std::uint8_t, kNonceBytes>;

// A key schedule in use. The suites differ in mode and tag only.
class Aead {
public:
    Aead(CipherSuite suite, ByteView key) : suite_(suite) {
        int failed;
        if (is_gcm()) {
            mbedtls_gcm_init(&gcm_);
            failed = mbedtls_gcm_setkey(&gcm_, MBEDTLS_CIPHER_ID_AES, key.data(), kAes128KeyBytes * 8);
        } else {
            mbedtls_ccm_init(&ccm_);
            failed = mbedtls_ccm_setkey(&ccm_, MBEDTLS_CIPHER_ID_AES, key.data(), kAes128KeyBytes * 8);
        }
        if (failed != 0) std::abort();  // a key of fixed size: only memory can be lacking
    }
    ~Aead() { is_gcm() ? mbedtls_gcm_free(&gcm_) : mbedtls_ccm_free(&ccm_); }
    Aead(const Aead&) = delete;
    Aead& operator=(const Aead&) = delete;

    bool open(const Nonce& nonce, ByteView additional, ByteView text, ByteView tag, std::uint8_t* out) {
        return (is_gcm() ? mbedtls_gcm_auth_decrypt(&gcm_, text.size(), nonce.data(), nonce.size(),
                                                    additional.data(), additional.size(), tag.data(),
                                                    tag.size(), text.data(), out)
                         : mbedtls_ccm_auth_decrypt(&ccm_, text.size(), nonce.data(), nonce.size(),
                                                    additional.data(), additional.size(), text.data(), out,
                                                    tag.data(), tag.size())) == 0;
    }

    // In place; `tag` is behind the text.
    void seal(const Nonce& nonce, ByteView additional, MutableBytes text, MutableBytes tag) {
        const int failed =
            is_gcm() ? mbedtls_gcm_crypt_and_tag(&gcm_, MBEDTLS_GCM_ENCRYPT, text.size(), nonce.data(),
                                                 nonce.size(), additional.data(), additional.size(),
                                                 text.data(), text.data(), tag.size(), tag.data())
                     : mbedtls_ccm_encrypt_and_tag(&ccm_, text.size(), nonce.data(), nonce.size(),
                                                   additional.data(), additional.size(), text.data(),
                                                   text.data(), tag.data(), tag.size());
        if (failed != 0) std::abort();
    }

private:
    bool is_gcm() const { return suite_ == CipherSuite::kPskAes128GcmSha256; }

    CipherSuite suite_;
    union {
        mbedtls_ccm_context ccm_;
        mbedtls_gcm_context gcm_;
    };
};

Nonce nonce_of(ByteView implicit, ByteView explicit_part) {
    Nonce nonce;
    std::ranges::copy(implicit, nonce.begin());
    std::ranges::copy(explicit_part, nonce.begin() + kImplicitNonceBytes);
    return nonce;
}

struct AdditionalData {
    std::array<std::uint8_t, kMaxAdditionalBytes> bytes{};
    std::size_t size = 0;

    void append(std::uint64_t value, std::size_t width) {
        while (width-- > 0)
            bytes[size++] = static_cast<std::uint8_t>(value >> (8 * width));
    }
    ByteView view() const { return ByteView(bytes).first(size); }
};

// `text_bytes`: of the inner plaintext, its content type included, for records with a CID.
AdditionalData additional_data(ContentType type, std::uint64_t epoch_and_sequence, ByteView cid,
                               std::size_t text_bytes) {
    AdditionalData data;
    const auto type_byte = static_cast<std::uint8_t>(type);
    if (type == ContentType::kTls12Cid) {  // RFC 9146 section 5
        data.append(~std::uint64_t{0}, 8);
        data.append(type_byte, 1);
        data.append(cid.size(), 1);
        data.append(type_byte, 1);
        data.append(kDtls12, 2);
        data.append(epoch_and_sequence, 8);
        for (const auto byte : cid)
            data.append(byte, 1);
    } else {  // RFC 5246 section 6.2.3.3, RFC 6347 section 4.1.2.1
        data.append(epoch_and_sequence, 8);
        data.append(type_byte, 1);
        data.append(kDtls12, 2);
    }
    data.append(text_bytes, 2);
    return data;
}

}  // namespace

std::size_t tag_bytes(CipherSuite suite) {
    return suite == CipherSuite::kPskAes128Ccm8 ? 8 : 16;
}

std::optional<std::size_t> text_bytes_of(CipherSuite suite, std::size_t fragment_bytes) {
    const std::size_t expansion = kExplicitNonceBytes + tag_bytes(suite);
    if (fragment_bytes < expansion) return std::nullopt;
    return fragment_bytes - expansion;
}

bool open_fragment(CipherSuite suite, ByteView key, ByteView iv, const RecordHeader& record,
                   MutableBytes out) {
    const auto text_bytes = text_bytes_of(suite, record.fragment.size());
    if (!text_bytes || out.size() < *text_bytes) return false;
    const std::uint64_t number = std::uint64_t{record.epoch} << 48 | record.sequence;
    const auto additional = additional_data(record.type, number, record.cid, *text_bytes);
    Aead aead(suite, key);
    return aead.open(nonce_of(iv, record.fragment.first(kExplicitNonceBytes)), additional.view(),
                     record.fragment.subspan(kExplicitNonceBytes, *text_bytes),
                     record.fragment.last(tag_bytes(suite)), out.data());
}

void seal_fragment(CipherSuite suite, ByteView key, ByteView iv, ContentType outer_type,
                   std::uint64_t epoch_and_sequence, ByteView cid, MutableBytes fragment) {
    const auto text_bytes = text_bytes_of(suite, fragment.size());
    if (!text_bytes) std::abort();
    for (std::size_t i = 0; i < kExplicitNonceBytes; ++i) {
        fragment[i] = static_cast<std::uint8_t>(epoch_and_sequence >> (8 * (kExplicitNonceBytes - 1 - i)));
    }
    const auto additional = additional_data(outer_type, epoch_and_sequence, cid, *text_bytes);
    Aead aead(suite, key);
    aead.seal(nonce_of(iv, fragment.first(kExplicitNonceBytes)), additional.view(),
              fragment.subspan(kExplicitNonceBytes, *text_bytes), fragment.last(tag_bytes(suite)));
}

}  // namespace narrowgate::dtls
