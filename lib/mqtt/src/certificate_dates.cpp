// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/certificate_dates.hpp"

#include <fmt/format.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "narrowgate/base/bytes.hpp"
#include "pem_file.hpp"

namespace narrowgate::mqtt {
namespace {

using Role = CertificateDates::Role;

std::string fingerprint_of(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &length) != 1) return {};
    return to_hex(ByteView(digest).first(length));
}

void add(std::vector<CertificateDates>& dates, const std::filesystem::path& path, bool roots) {
    const auto file = read_pem(path, "");
    if (!file) return;
    for (const CertificatePtr& certificate : file->certificates) {
        const Role role = roots                                       ? Role::kRoot
                          : certificate == file->certificates.front() ? Role::kOwn
                                                                      : Role::kIntermediate;
        dates.push_back({.role = role,
                         .file = path,
                         .subject = subject_of(certificate.get()),
                         .not_before = time_of(X509_get0_notBefore(certificate.get())),
                         .not_after = time_of(X509_get0_notAfter(certificate.get())),
                         .fingerprint = fingerprint_of(certificate.get())});
    }
}

std::string_view noun_of(Role role) {
    switch (role) {
        case Role::kOwn:
            return "certificate";
        case Role::kIntermediate:
            return "intermediate certificate";
        case Role::kRoot:
            return "root";
    }
    return "";
}

std::string_view cure_of(Role role) {
    switch (role) {
        case Role::kOwn:
            return "renew it and replace the file with its key's; a pair that fits is used within seconds";
        case Role::kIntermediate:
            return "get the chain anew from the authority and replace the file";
        case Role::kRoot:
            return "put the authority's next root into the file beside it, if the broker's certificate hangs "
                   "on this one";
    }
    return "";
}

std::optional<DateFinding> finding_of(const CertificateDates& one, const std::string& name, WallTime now) {
    const auto found = [&](Urgency urgency, std::string_view what, std::string_view cure) {
        return DateFinding{urgency,
                           one.role,
                           {fmt::format("upstream {}: the {} in {} ({}) {}", name, noun_of(one.role),
                                        one.file.string(), one.subject, what),
                            std::string(cure)}};
    };
    if (one.not_after < now) {
        return found(Urgency::kOutside, fmt::format("expired on {}", day_of(one.not_after)),
                     cure_of(one.role));
    }
    if (one.not_before > now) {
        return found(Urgency::kOutside, fmt::format("is not valid before {}", day_of(one.not_before)),
                     "check this machine's clock, or wait");
    }
    const auto left = one.not_after - now;
    if (left > kExpiryNotice) return std::nullopt;
    const auto whole = std::chrono::floor<std::chrono::days>(left).count();
    return found(
        left > kExpiryUrgent ? Urgency::kNotice : Urgency::kUrgent,
        fmt::format("expires in {} day{}, on {}", whole, whole == 1 ? "" : "s", day_of(one.not_after)),
        cure_of(one.role));
}

}  // namespace

std::vector<CertificateDates> dates_of(const ConnectionOptions& options) {
    std::vector<CertificateDates> dates;
    add(dates, options.certificate_file, false);
    add(dates, options.ca_file, true);
    return dates;
}

std::vector<DateFinding> findings_of(const std::vector<CertificateDates>& dates, const std::string& name,
                                     WallTime now) {
    const bool a_root_holds = std::ranges::any_of(dates, [&](const CertificateDates& one) {
        return one.role == Role::kRoot && one.not_before <= now && now <= one.not_after;
    });
    std::vector<DateFinding> findings;
    for (const CertificateDates& one : dates) {
        auto finding = finding_of(one, name, now);
        if (!finding) continue;
        if (one.role == Role::kRoot && finding->urgency == Urgency::kOutside && a_root_holds) continue;
        findings.push_back(*std::move(finding));
    }
    std::ranges::stable_sort(findings, std::ranges::greater{}, &DateFinding::urgency);
    return findings;
}

}  // namespace narrowgate::mqtt
