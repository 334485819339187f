// SPDX-License-Identifier: Apache-2.0
//
// The files of a new gateway: its configuration, its certificates and key, its state directory. Inside
// daemon/commands only.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/commands/command_line.hpp"
#include "daemon/commands/init_arguments.hpp"
#include "daemon/commands/new_files.hpp"
#include "daemon/commands/new_gateway.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::daemon {

// What goes into tls/.
struct TlsFiles {
    std::map<std::string_view, Bytes> roots;  // by the option of their cloud
    std::optional<Bytes> certificate;
    std::optional<Secret> key;
};

// Whether this machine has a cloud's roots, so that nobody need name them.
bool has_roots_of_its_own(const Cloud& cloud);

// Reads what the arguments name. Fails as well when others can read the key's file.
Expected<TlsFiles> read_tls_files(const Console& console, const InitArguments& arguments);

// Whose the state is to be: the service's user when root makes it for the service, else our own.
Expected<Owner> owner_of_state(bool for_the_service);

// Makes all of them; those that are not wanted after all go with `files`. Fails when one is there already.
Expected<void> write_files(const NewGateway& gateway, const TlsFiles& tls,
                           const std::filesystem::path& directory, Owner owner, NewFiles& files);

// How to put what is missing where the configuration looks for it; a command each.
std::vector<std::string> missing_files(const NewGateway& gateway, const TlsFiles& tls,
                                       const std::filesystem::path& directory, bool for_the_service);

}  // namespace narrowgate::daemon
