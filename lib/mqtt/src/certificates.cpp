// SPDX-License-Identifier: Apache-2.0
#include "certificates.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "narrowgate/mqtt/certificate_dates.hpp"
#include "pem_file.hpp"

namespace narrowgate::mqtt {
namespace {

bool belong_together(const CertificatePtr& certificate, const KeyPtr& key) {
    return X509_check_private_key(certificate.get(), key.get()) == 1;
}

bool may_vouch(const CertificatePtr& certificate) {
    // A certificate that signed itself may vouch for itself, authority or not.
    return X509_check_ca(certificate.get()) != 0 ||
           (X509_get_extension_flags(certificate.get()) & EXFLAG_SS) != 0;
}

class FileCheck {
public:
    FileCheck(const ConnectionOptions& options, std::vector<Error>& problems)
        : options_(options), problems_(problems) {}

    void roots() {
        const auto file = read(options_.ca_file, "ca_file");
        if (!file || damaged(*file, options_.ca_file, "ca_file")) return;
        if (file->certificates.empty()) {
            lacks_certificate(*file, "ca_file", options_.ca_file.string(),
                              "put the root certificates of the broker's authority into it");
        } else if (std::ranges::none_of(file->certificates, may_vouch)) {
            add(fmt::format("ca_file {} holds no authority's certificate: {} may sign no other",
                            options_.ca_file.string(), subject_of(file->certificates.front().get())),
                "put the root certificates of the broker's authority into it, not the broker's own");
        }
    }

    void own() {
        const auto file = read(options_.certificate_file, "certificate_file");
        const std::string path = options_.certificate_file.string();
        if (file && !damaged(*file, options_.certificate_file, "certificate_file")) {
            if (file->certificates.empty()) {
                lacks_certificate(
                    *file, "certificate_file", path,
                    "put the gateway's certificate into it, then those between it and the root");
            }
            if (file->has_key && is_open(*file)) {
                add(fmt::format(
                        "certificate_file {} holds a private key too, and others than its owner can read it "
                        "(mode {:04o})",
                        path, file->mode & 07777U),
                    fmt::format(
                        "take the key out of it, or chmod 600 {}; if others may have read it, make a new one",
                        path));
            }
        }
        key(file ? &*file : nullptr);
    }

private:
    void add(std::string what, std::string cure) {
        problems_.push_back({fmt::format("upstream {}: {}", options_.name, what), std::move(cure)});
    }

    // Nothing, and said so, when it cannot be read.
    std::optional<PemFile> read(const std::filesystem::path& path, std::string_view option) {
        auto file = read_pem(path, option);
        if (file) return std::move(*file);
        add(std::move(file.error().what), std::move(file.error().cure));
        return std::nullopt;
    }

    bool damaged(const PemFile& file, const std::filesystem::path& path, std::string_view option) {
        if (file.damaged_block == 0) return false;
        add(fmt::format("{} {} is damaged: block {} in it cannot be read, as if it were cut off", option,
                        path.string(), file.damaged_block),
            "copy the whole file again");
        return true;
    }

    // What is there instead decides the cure; `otherwise` is that of a file with nothing known in it.
    void lacks_certificate(const PemFile& file, std::string_view option, const std::string& path,
                           std::string_view otherwise) {
        std::string_view instead;
        std::string cure(otherwise);
        if (file.has_key) {
            instead = ", but a private key";
            cure = "name the certificate's file; the key's belongs to key_file";
        } else if (file.has_request) {
            instead = ", but the request for one";
            cure = "name what the authority made of the request";
        } else if (file.is_der) {
            instead = ", but one in DER";
            cure =
                fmt::format("convert it: openssl x509 -inform DER -in {0} -out {0}.pem, and name that", path);
        }
        add(fmt::format("{} {} holds no certificate in PEM{}", option, path, instead), std::move(cure));
    }

    static bool is_open(const PemFile& file) { return (file.mode & (S_IRWXG | S_IRWXO)) != 0; }

    void key(const PemFile* own) {
        const auto file = read(options_.key_file, "key_file");
        if (!file) return;
        const std::string path = options_.key_file.string();
        // A certificate is open to all, and right so.
        const bool other_file = !file->has_key && !file->certificates.empty();
        if (!other_file && is_open(*file)) {
            add(fmt::format("key_file {} is open to others than its owner (mode {:04o})", path,
                            file->mode & 07777U),
                fmt::format("chmod 600 {}", path));
            return;
        }
        if (file->has_encrypted_key) {
            add(fmt::format("the key in key_file {} is behind a pass phrase, and nobody is there to type it",
                            path),
                fmt::format(
                    "take it off: (umask 077; openssl pkey -in {0} -out {0}.plain) && mv {0}.plain {0}",
                    path));
            return;
        }
        if (!other_file && damaged(*file, options_.key_file, "key_file")) return;
        if (!file->key) {
            add(fmt::format("key_file {} holds no private key in PEM{}", path,
                            file->certificates.empty() ? "" : ", but a certificate"),
                file->certificates.empty()
                    ? "put the key that the certificate was asked for with into it"
                    : "name the key's file; the certificate's belongs to certificate_file");
            return;
        }
        if (own == nullptr || own->certificates.empty() ||
            belong_together(own->certificates.front(), file->key))
            return;
        const std::string certificates = options_.certificate_file.string();
        const bool later = std::ranges::any_of(own->certificates, [&](const CertificatePtr& other) {
            return belong_together(other, file->key);
        });
        if (later) {
            add(fmt::format("the key in {} is that of a later certificate in {}, not of the first", path,
                            certificates),
                "put our own certificate first, then those between it and the root");
        } else {
            add(fmt::format("the key in {} is not that of the certificate in {} ({})", path, certificates,
                            subject_of(own->certificates.front().get())),
                "use the two files that were made together");
        }
    }

    const ConnectionOptions& options_;
    std::vector<Error>& problems_;
};

}  // namespace

std::vector<Error> problems_of_files(const ConnectionOptions& options) {
    std::vector<Error> problems;
    FileCheck check(options, problems);
    check.roots();
    check.own();
    ERR_clear_error();
    return problems;
}

std::vector<Error> doubts_of(const ConnectionOptions& options) {
    std::vector<Error> doubts;
    const auto file = read_pem(options.certificate_file, "certificate_file");
    if (!file || file->certificates.empty()) return doubts;
    const std::string path = options.certificate_file.string();
    const auto add = [&](std::string what, std::string cure) {
        doubts.push_back({fmt::format("upstream {}: {}", options.name, what), std::move(cure)});
    };
    // UINT32_MAX when it has no extended key usage, which allows everything (RFC 5280 section 4.2.1.12).
    X509* const own = file->certificates.front().get();
    if ((X509_get_extended_key_usage(own) & (XKU_SSL_CLIENT | XKU_ANYEKU)) == 0) {
        add(fmt::format(
                "the certificate in {} ({}) is not made for clients: its extended key usage lacks clientAuth",
                path, subject_of(own)),
            "get one with clientAuth: many brokers refuse others");
    }
    for (std::size_t i = 0; i + 1 < file->certificates.size(); ++i) {
        const X509* const subject = file->certificates[i].get();
        const X509* const issuer = file->certificates[i + 1].get();
        if (X509_NAME_cmp(X509_get_issuer_name(subject), X509_get_subject_name(issuer)) == 0) continue;
        add(fmt::format("the chain in {} is broken: {} is followed by {}, which has not issued it", path,
                        subject_of(subject), subject_of(issuer)),
            "write our certificate first, then its issuer's, and so on towards the root");
        break;
    }
    ERR_clear_error();
    return doubts;
}

}  // namespace narrowgate::mqtt
