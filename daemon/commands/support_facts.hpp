// SPDX-License-Identifier: Apache-2.0
//
// What a support bundle tells of the machine, the service and the configuration's files. Reads files and asks
// other programs; what cannot be had is left out with the reason.
#pragma once

#include "daemon/commands/support_bundle.hpp"
#include "daemon/config.hpp"

namespace narrowgate::daemon {

// Kernel, memory, disks, clock, limits of the daemon's process where `state_directory` tells which it is.
void add_system_facts(SupportBundle& bundle, const std::filesystem::path& state_directory);
// systemd's account of the unit and the journal's last two hours.
void add_service_facts(SupportBundle& bundle);
// narrowgate.toml and the files of its fleets, as they are, right or wrong.
void add_configuration(SupportBundle& bundle, const std::filesystem::path& file,
                       const std::filesystem::path& fleets);
// Subjects, dates and fingerprints; no key is read for this.
void add_certificates(SupportBundle& bundle, const Config& config);
// So that they are found wherever they stand: the sealing key and the private keys that can be read.
void add_known_secrets(Scrubber& scrubber, const std::filesystem::path& state_directory,
                       const Config* config);

}  // namespace narrowgate::daemon
