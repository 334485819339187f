// SPDX-License-Identifier: Apache-2.0
//
// A PEM file, block by block (RFC 7468), with OpenSSL's eyes: they are those that paho will read it with.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::mqtt {

template <auto kFree>
struct FreeBy {
    template <class T>
    void operator()(T* pointer) const {
        kFree(pointer);
    }
};
using CertificatePtr = std::unique_ptr<X509, FreeBy<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

struct PemFile {
    mode_t mode = 0;  // of the file that was read
    std::vector<CertificatePtr> certificates;
    // The first of each; null where there is none.
    KeyPtr key;
    bool has_key = false;            // readable or not
    bool has_encrypted_key = false;  // behind a pass phrase, which nobody is there to type
    bool has_request = false;        // to an authority, for a certificate (RFC 2986)
    bool is_der = false;             // no PEM: one certificate in the binary form
    std::size_t damaged_block = 0;   // the first block that makes no sense, counted from 1; 0: none
};

// `option` is the key of the configuration, for messages. A file that is no regular file is not waited for.
// Errors: not set, not there, not readable, no file, too large. Thread: any; leaves OpenSSL's queue empty.
Expected<PemFile> read_pem(const std::filesystem::path& path, std::string_view option);

// Of its names and dates. "CN=gw-1"; control characters are escaped.
std::string subject_of(const X509* certificate);
// The epoch when it makes no sense.
WallTime time_of(const ASN1_TIME* time);
// "2026-03-01".
std::string day_of(WallTime time);

}  // namespace narrowgate::mqtt
