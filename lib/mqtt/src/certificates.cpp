// SPDX-License-Identifier: Apache-2.0
#include "certificates.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <string_view>

namespace narrowgate::mqtt {
namespace {

template <auto kFree>
struct FreeBy {
    template <class T>
    void operator()(T* pointer) const {
        kFree(pointer);
    }
};
using FilePtr = std::unique_ptr<std::FILE, FreeBy<std::fclose>>;
using CertificatePtr = std::unique_ptr<X509, FreeBy<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

// A pass phrase is never asked for on a terminal: the daemon has none.
int no_pass_phrase(char*, int, int, void*) {
    return -1;
}

class FileCheck {
public:
    FileCheck(const ConnectionOptions& options, std::vector<Error>& problems)
        : options_(options), problems_(problems) {}

    void add(std::string what, std::string cure) {
        problems_.push_back({fmt::format("upstream {}: {}", options_.name, what), std::move(cure)});
    }

    // Null, and said so, when it cannot be read. Permissions are those of the file that was opened.
    FilePtr open(const std::filesystem::path& path, std::string_view option, bool secret) {
        if (path.empty()) {
            add(fmt::format("{} is not set", option), fmt::format("set {} to a PEM file", option));
            return nullptr;
        }
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) {
            const int error_number = errno;
            add(fmt::format("{} {} cannot be read: {}", option, path.string(), system_message(error_number)),
                error_number == EACCES
                    ? fmt::format("let the user of the gateway read it: chown narrowgate {}", path.string())
                    : "put the file there, or correct the path");
            return nullptr;
        }
        FilePtr file(::fdopen(fd, "r"));
        if (!file) {
            ::close(fd);
            return nullptr;
        }
        struct stat status{};
        if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
            add(fmt::format("{} {} is not a file", option, path.string()), "name a PEM file");
            return nullptr;
        }
        if (secret && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
            add(fmt::format("{} {} is open to others than its owner (mode {:04o})", option, path.string(),
                            status.st_mode & 07777U),
                fmt::format("chmod 600 {}", path.string()));
            return nullptr;
        }
        return file;
    }

private:
    const ConnectionOptions& options_;
    std::vector<Error>& problems_;
};

CertificatePtr read_certificate(std::FILE* file) {
    return CertificatePtr(PEM_read_X509(file, nullptr, no_pass_phrase, nullptr));
}

// "2026-03-01" of an ASN.1 time; empty when it makes no sense.
std::string date_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

}  // namespace

std::vector<Error> problems_of_files(const ConnectionOptions& options, WallTime now) {
    std::vector<Error> problems;
    FileCheck check(options, problems);
    std::time_t moment = std::chrono::system_clock::to_time_t(
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(now));

    if (const FilePtr file = check.open(options.ca_file, "ca_file", false)) {
        if (!read_certificate(file.get())) {
            check.add(fmt::format("ca_file {} holds no certificate in PEM", options.ca_file.string()),
                      "put the root certificates of the broker's authority into it");
        }
    }

    CertificatePtr certificate;
    if (const FilePtr file = check.open(options.certificate_file, "certificate_file", false)) {
        const std::string path = options.certificate_file.string();
        certificate = read_certificate(file.get());
        if (!certificate) {
            check.add(fmt::format("certificate_file {} holds no certificate in PEM", path),
                      "put the gateway's certificate into it, then those between it and the root");
        } else if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &moment) < 0) {
            check.add(fmt::format("the certificate in {} expired on {}", path,
                                  date_of(X509_get0_notAfter(certificate.get()))),
                      "renew it and replace the file; it is used at the next connect");
        } else if (X509_cmp_time(X509_get0_notBefore(certificate.get()), &moment) > 0) {
            check.add(fmt::format("the certificate in {} is not valid before {}", path,
                                  date_of(X509_get0_notBefore(certificate.get()))),
                      "check this machine's clock, or wait");
        }
    }

    if (const FilePtr file = check.open(options.key_file, "key_file", true)) {
        const std::string path = options.key_file.string();
        const KeyPtr key(PEM_read_PrivateKey(file.get(), nullptr, no_pass_phrase, nullptr));
        if (!key) {
            check.add(
                fmt::format("key_file {} holds no private key in PEM, or one with a pass phrase", path),
                fmt::format("take the pass phrase off: openssl pkey -in {} -out …, then chmod 600", path));
        } else if (certificate && X509_check_private_key(certificate.get(), key.get()) != 1) {
            check.add(fmt::format("the key in {} is not that of the certificate in {}", path,
                                  options.certificate_file.string()),
                      "use the two files that were made together");
        }
    }
    // What OpenSSL noted about the tries above must not be found by the next user of this thread's queue.
    ERR_clear_error();
    return problems;
}

}  // namespace narrowgate::mqtt
