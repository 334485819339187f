// SPDX-License-Identifier: Apache-2.0
//
// A network of the test's own: namespaces in which loopback and one wire are all there is, and in which files
// of /etc are the test's. Nothing of it is seen outside, and it goes with the process.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace narrowgate::fakes {

// Moves this process there. `etc` are texts by file name ("resolv.conf"): they cover files of the same name
// in /etc, and may be rewritten in `directory`, where they are. Returns what is missing on this machine for
// it, or nothing when this process is there. Thread: the only one, for namespaces belong to threads.
std::string enter_private_network(const std::filesystem::path& directory,
                                  const std::map<std::string, std::string>& etc);

// Runs ip(8); throws with its words when it fails. Thread: the test's.
void ip(std::vector<std::string> arguments, const std::filesystem::path& directory);

}  // namespace narrowgate::fakes
