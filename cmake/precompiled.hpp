// SPDX-License-Identifier: Apache-2.0
//
// Compiled once for the rooms, the daemon and the simulators where NARROWGATE_PRECOMPILE asks for it. No
// source relies on it: the builds without it say what an include is missing.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>
