// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/certificate_keeper.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "daemon/events.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::daemon {
namespace {

// Dates are looked at each hour; what there is to say is said once a day.
constexpr std::chrono::hours kBetweenDates{1};
constexpr std::chrono::hours kBetweenWarnings{24};

std::array<const std::filesystem::path*, 3> files_of(const mqtt::ConnectionOptions& connection) {
    return {&connection.ca_file, &connection.certificate_file, &connection.key_file};
}

// Tells two states of the files apart.
std::string contents_of(const mqtt::ConnectionOptions& connection) {
    Bytes contents;
    for (const std::filesystem::path* const file : files_of(connection)) {
        std::ifstream stream(*file, std::ios::binary);
        contents.insert(contents.end(), std::istreambuf_iterator<char>(stream), {});
        contents.push_back(0);
    }
    const Secret wiped_when_done(std::move(contents));
    return to_hex(crypto::sha256(wiped_when_done.view()));
}

std::int64_t nanoseconds_of(const timespec& time) {
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

CertificateKeeper::CertificateKeeper(CertificateKeeperOptions options, Log& log)
    : speaks_(options.speaks),
      stagger_(options.stagger),
      log_(log),
      connection_(std::move(options.connection)),
      seen_(stamps()) {}

CertificateKeeper::Stamps CertificateKeeper::stamps() const {
    Stamps stamps;
    std::ranges::transform(files_of(connection_), stamps.begin(), [](const std::filesystem::path* file) {
        struct stat status{};
        if (::stat(file->c_str(), &status) != 0) return Stamp{};
        return Stamp{.device = status.st_dev,
                     .inode = status.st_ino,
                     .bytes = status.st_size,
                     .modified_ns = nanoseconds_of(status.st_mtim),
                     .changed_ns = nanoseconds_of(status.st_ctim)};
    });
    return stamps;
}

void CertificateKeeper::used() {
    due_.reset();
    std::string contents = contents_of(connection_);
    if (contents == used_contents_) return;
    used_contents_ = std::move(contents);
    dates_ = mqtt::dates_of(connection_);
    next_warning_ = {};
    if (!speaks_) return;
    for (const Error& doubt : mqtt::doubts_of(connection_))
        log_.write(kEvent<"upstream.certificate_doubtful">, {.upstream = connection_.name}, doubt);
}

void CertificateKeeper::update(mqtt::ConnectionOptions connection, const Now& now) {
    const bool same = connection == connection_;
    connection_ = std::move(connection);
    if (same && contents_of(connection_) == used_contents_) return;
    if (speaks_) tell_of_renewal("its settings or certificates have changed");
    seen_ = stamps();
    moved_ = false;
    due_ = now.steady + stagger_;
}

bool CertificateKeeper::look(const Now& now) {
    if (now.steady >= next_look_) {
        next_look_ = now.steady + kInterval;
        const Stamps found = stamps();
        if (found != seen_) {
            // Whoever writes them may not be done: they are judged when they have rested for one interval.
            seen_ = found;
            moved_ = true;
            due_.reset();
        } else if (moved_) {
            judge(now);
        }
        warn(now);
    }
    if (!due_ || now.steady < *due_) return false;
    due_.reset();
    return true;
}

void CertificateKeeper::judge(const Now& now) {
    if (contents_of(connection_) == used_contents_) {
        moved_ = false;
        told_.clear();
        return;
    }
    if (const auto problems = mqtt::problems_of(connection_, now.wall); !problems.empty()) {
        // Looked at again each time: a date may come though no file changes.
        std::string words = problems.front().text();
        if (words != told_ && speaks_) {
            log_.write(
                kEvent<"upstream.certificate_not_taken">, {.upstream = connection_.name},
                {problems.front().what,
                 problems.front().cure + "; until then the connection keeps the certificate that it has"});
        }
        told_ = std::move(words);
        return;
    }
    moved_ = false;
    told_.clear();
    due_ = now.steady + stagger_;
    if (speaks_) tell_of_renewal("its certificate files have changed");
}

void CertificateKeeper::tell_of_renewal(std::string_view why) {
    log_.write(kEvent<"upstream.renewing">, {.upstream = connection_.name}, "upstream {}: connects anew: {}",
               connection_.name, why);
}

void CertificateKeeper::warn(const Now& now) {
    if (!speaks_ || dates_.empty() || now.steady < next_warning_) return;
    const auto findings = mqtt::findings_of(dates_, connection_.name, now.wall);
    const Subject<About::kUpstream> upstream{.upstream = connection_.name};
    for (const mqtt::DateFinding& finding : findings) {
        switch (finding.urgency) {
            case mqtt::Urgency::kNotice:
                log_.write(kEvent<"upstream.certificate_ends">, upstream, finding.error);
                break;
            case mqtt::Urgency::kUrgent:
                log_.write(kEvent<"upstream.certificate_ends_soon">, upstream, finding.error);
                break;
            case mqtt::Urgency::kOutside:
                log_.write(kEvent<"upstream.certificate_invalid">, upstream, finding.error);
                break;
        }
    }
    next_warning_ = now.steady + (findings.empty() ? kBetweenDates : kBetweenWarnings);
}

std::optional<WallTime> CertificateKeeper::expires() const {
    std::optional<WallTime> first;
    for (const mqtt::CertificateDates& one : dates_) {
        if (one.role == mqtt::CertificateDates::Role::kRoot) continue;
        first = first ? std::min(*first, one.not_after) : one.not_after;
    }
    return first;
}

std::optional<WallTime> CertificateKeeper::roots_expire() const {
    std::optional<WallTime> last;
    for (const mqtt::CertificateDates& one : dates_) {
        if (one.role == mqtt::CertificateDates::Role::kRoot)
            last = std::max(last, std::optional(one.not_after));
    }
    return last;
}

}  // namespace narrowgate::daemon
