// SPDX-License-Identifier: Apache-2.0
//
// What can be asked of a gateway, by name: the control socket's protocol without its socket. The command line
// makes the same calls on itself when no daemon runs.
//
// A request is one line of JSON, {"version":1,"call":"device.show","with":{"device":"wm-0001"}}; so is the
// answer, {"version":1,"ok":true,"result":{…}} or {"version":1,"ok":false,"error":{"what":"…","cure":"…"}}.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/control/caller.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::daemon {

inline constexpr int kControlVersion = 1;
// Bytes of a request line: an import of about 100 000 devices.
inline constexpr std::size_t kMaxControlRequestBytes = std::size_t{16} * 1024 * 1024;
// Bytes of an answer line: an export of about a million devices with their keys.
inline constexpr std::size_t kMaxControlAnswerBytes = std::size_t{256} * 1024 * 1024;

// Thread: one, the loop's that serves.
class ControlCalls {
public:
    // Gets what stood behind "with" (an object), which it may change: it wipes secrets that it takes out.
    // What it returns stands behind "result".
    using Handler = std::function<Expected<nlohmann::json>(nlohmann::json& arguments)>;
    // Likewise, for calls that change something: the audit trail names who asked.
    using ChangeHandler =
        std::function<Expected<nlohmann::json>(nlohmann::json& arguments, const Caller& caller)>;

    // A second handler of one name is a mistake in the program: aborts.
    void add(std::string name, Handler handler);
    void add(std::string name, ChangeHandler handler);
    Expected<nlohmann::json> call(std::string_view name, nlohmann::json& arguments,
                                  const Caller& caller) const;

    // The answer to a request line, both without the line's end. Never fails: what is no request, or names no
    // call, is answered with an error.
    std::string answer(std::string_view request, const Caller& caller) const;

private:
    std::map<std::string, ChangeHandler, std::less<>> handlers_;
};

std::string control_error(const Error& error);
std::string control_request(std::string_view call, const nlohmann::json& arguments);
// What an answer line says: its result, or its error; an error of its own when it is no answer.
Expected<nlohmann::json> control_result(std::string_view answer);

// For handlers: a string, a flag, a count of `arguments`. An argument that is missing, or of another type, is
// an error that names it; `text_or` and its fellows have a value for one that is missing.
Expected<std::string> text_argument(const nlohmann::json& arguments, std::string_view name);
Expected<std::string> text_argument_or(const nlohmann::json& arguments, std::string_view name,
                                       std::string_view otherwise);
Expected<bool> flag_argument_or(const nlohmann::json& arguments, std::string_view name, bool otherwise);
Expected<std::size_t> count_argument_or(const nlohmann::json& arguments, std::string_view name,
                                        std::size_t otherwise);
// A time as RFC 3339 has it; nothing when it is missing or empty.
Expected<std::optional<WallTime>> time_argument(const nlohmann::json& arguments, std::string_view name);
// Takes a text argument as a secret: what is left in `arguments` is wiped.
Expected<Secret> secret_argument(nlohmann::json& arguments, std::string_view name);

// For answers: RFC 3339, or null.
nlohmann::json time_json(const std::optional<WallTime>& time);

// Overwrites text that held a secret.
void wipe_text(std::string& text);

}  // namespace narrowgate::daemon
