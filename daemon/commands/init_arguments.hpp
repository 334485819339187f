// SPDX-License-Identifier: Apache-2.0
//
// What `narrowgate init` is told, by options or by answers. Inside daemon/commands only.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "daemon/commands/invocation.hpp"

namespace narrowgate::daemon {

inline constexpr std::string_view kDefaultFleet = "nodes";

// Empty: not given.
struct InitArguments {
    std::filesystem::path directory = std::filesystem::path(kDefaultConfigFile).parent_path();
    std::string name;
    std::string fleet;
    std::string device;
    std::string listen{"[::]:5684"};
    std::filesystem::path certificate_file;
    std::filesystem::path key_file;
    // By the option of their cloud.
    std::map<std::string_view, std::string> hosts;
    std::map<std::string_view, std::filesystem::path> ca_files;
};

// This machine's, as far as it is a name that a gateway can have.
std::string host_name();

// Asks for all that was not given. False when there is nobody to answer.
bool ask_for_the_rest(const Console& console, InitArguments& arguments);

}  // namespace narrowgate::daemon
