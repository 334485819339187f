// SPDX-License-Identifier: Apache-2.0
//
// Waiting for what a program writes into a file, without looking again and again.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "fakes/child_process.hpp"

namespace narrowgate::fakes {

// Everything in the file; empty when there is none.
std::string text_of_file(const std::filesystem::path& path);

// Returns as soon as `found` says so of the file's whole text. Throws, with that text and `what` was waited
// for, when the program ends before or 10 s are over. Thread: any.
void wait_for_output(ChildProcess& process, const std::filesystem::path& file,
                     const std::function<bool(const std::string&)>& found, const std::string& what);

}  // namespace narrowgate::fakes
