// SPDX-License-Identifier: Apache-2.0
//
// Watches the certificate files of one connection: says when the connection is to be made anew with others
// than it has, and warns of their end.
//
// The files are looked at every two seconds rather than watched by the kernel: a look sees a rename, a link
// that points elsewhere (as Kubernetes swaps secrets), a directory that was mounted over and a network file
// system alike, cannot lose events, and costs three calls of stat(2). Done by the upstream's own thread, so
// that files that hang hold nobody else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/mqtt/certificate_dates.hpp"
#include "narrowgate/mqtt/options.hpp"

namespace narrowgate::daemon {

struct CertificateKeeperOptions {
    mqtt::ConnectionOptions connection;
    // Connections of one upstream are renewed one after the other: this one so long after its turn came.
    seconds stagger{0};
    // One of them says what concerns all.
    bool speaks = true;
};

// Thread: its owner's. Reads files.
class CertificateKeeper {
public:
    static constexpr seconds kInterval{2};

    // `log` outlives this.
    CertificateKeeper(CertificateKeeperOptions options, Log& log);

    // An attempt to connect has begun, with the files as they are now.
    void used();
    // Other settings, or the same: looks whether they or the files' contents differ from those in use.
    void update(mqtt::ConnectionOptions connection, const Now& now);
    // Looks at the files when it is time to. True when the connection is to be made anew: files or settings
    // have changed, the files are at rest, whole, and fit together. A set that does not is told of once and
    // waited for: half of a swap must not end a good connection.
    bool look(const Now& now);
    // When look() has something to do.
    SteadyTime next_look() const { return due_ ? std::min(*due_, next_look_) : next_look_; }

    // The first end of a certificate in certificate_file, and the last in ca_file, of those in use.
    std::optional<WallTime> expires() const;
    std::optional<WallTime> roots_expire() const;

private:
    // Of a file, links followed; zeros when there is none.
    struct Stamp {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t bytes = 0;
        std::int64_t modified_ns = 0;
        std::int64_t changed_ns = 0;
        bool operator==(const Stamp&) const = default;
    };
    using Stamps = std::array<Stamp, 3>;

    Stamps stamps() const;
    void judge(const Now& now);
    void warn(const Now& now);
    void tell_of_renewal(std::string_view why);

    const bool speaks_;
    const seconds stagger_;
    Log& log_;
    mqtt::ConnectionOptions connection_;
    std::string used_contents_;  // a hash over all files
    std::vector<mqtt::CertificateDates> dates_;
    Stamps seen_;
    bool moved_ = false;  // since the last time that they were found whole
    std::string told_;    // why they are not used
    std::optional<SteadyTime> due_;
    SteadyTime next_look_{};
    SteadyTime next_warning_{};
};

}  // namespace narrowgate::daemon
