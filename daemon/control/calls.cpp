// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/calls.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

// Texts may hold bytes that are no UTF-8 only by mistake; they must not end the answer.
std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

const json* member(const json& object, std::string_view name) {
    const auto found = object.find(name);
    return found != object.end() ? &*found : nullptr;
}

std::unexpected<Error> bad_argument(std::string_view name, std::string_view expected) {
    return failure(fmt::format("\"{}\" must be {}", name, expected), "correct the request");
}

}  // namespace

void ControlCalls::add(std::string name, Handler handler) {
    add(std::move(name), ChangeHandler([handler = std::move(handler)](json& arguments, const Caller&) {
            return handler(arguments);
        }));
}

void ControlCalls::add(std::string name, ChangeHandler handler) {
    if (!handlers_.emplace(std::move(name), std::move(handler)).second) std::abort();
}

Expected<json> ControlCalls::call(std::string_view name, json& arguments, const Caller& caller) const {
    const auto handler = handlers_.find(name);
    if (handler == handlers_.end()) {
        return failure(fmt::format("there is no call \"{}\"", name.substr(0, 64)),
                       "use the narrowgate command of the same version as the daemon");
    }
    return handler->second(arguments, caller);
}

std::string ControlCalls::answer(std::string_view request, const Caller& caller) const {
    json document = json::parse(request, nullptr, false);
    if (!document.is_object())
        return control_error({"the request is no JSON object", "send one object on one line"});
    const json* version = member(document, "version");
    if (version == nullptr || *version != kControlVersion) {
        return control_error(
            {fmt::format("this daemon speaks version {} of the control protocol", kControlVersion),
             "use the narrowgate command of the same version as the daemon"});
    }
    const json* call_name = member(document, "call");
    if (call_name == nullptr || !call_name->is_string())
        return control_error({"the request names no call", "send a string as \"call\""});
    const std::string name = call_name->get<std::string>();
    json& arguments = document["with"];
    if (arguments.is_null()) arguments = json::object();
    if (!arguments.is_object())
        return control_error({"the request's arguments are no object", "send an object as \"with\""});
    auto result = call(name, arguments, caller);
    if (!result) return control_error(result.error());
    return dump({{"version", kControlVersion}, {"ok", true}, {"result", *std::move(result)}});
}

std::string control_error(const Error& error) {
    return dump({{"version", kControlVersion},
                 {"ok", false},
                 {"error", {{"what", error.what}, {"cure", error.cure}}}});
}

std::string control_request(std::string_view call, const json& arguments) {
    return dump({{"version", kControlVersion}, {"call", call}, {"with", arguments}});
}

Expected<json> control_result(std::string_view answer) {
    static constexpr std::string_view kCure = "use the narrowgate command of the same version as the daemon";
    json document = json::parse(answer, nullptr, false);
    const json* ok = document.is_object() ? member(document, "ok") : nullptr;
    if (ok == nullptr || !ok->is_boolean())
        return failure("the daemon's answer is not understood", std::string(kCure));
    if (*ok) return std::move(document["result"]);
    const json& error = document["error"];
    const auto text = [&](std::string_view name) {
        const json* value = error.is_object() ? member(error, name) : nullptr;
        return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
    };
    return failure(text("what"), text("cure"));
}

Expected<std::string> text_argument(const json& arguments, std::string_view name) {
    const json* value = member(arguments, name);
    if (value == nullptr || !value->is_string()) return bad_argument(name, "a string");
    return value->get<std::string>();
}

Expected<std::string> text_argument_or(const json& arguments, std::string_view name,
                                       std::string_view otherwise) {
    if (member(arguments, name) == nullptr) return std::string(otherwise);
    return text_argument(arguments, name);
}

Expected<bool> flag_argument_or(const json& arguments, std::string_view name, bool otherwise) {
    const json* value = member(arguments, name);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) return bad_argument(name, "true or false");
    return value->get<bool>();
}

Expected<std::size_t> count_argument_or(const json& arguments, std::string_view name, std::size_t otherwise) {
    const json* value = member(arguments, name);
    if (value == nullptr) return otherwise;
    if (!value->is_number_unsigned()) return bad_argument(name, "a whole number");
    return value->get<std::size_t>();
}

Expected<std::optional<WallTime>> time_argument(const json& arguments, std::string_view name) {
    auto text = text_argument_or(arguments, name, "");
    if (!text) return std::unexpected(std::move(text.error()));
    if (text->empty()) return std::nullopt;
    const auto time = from_rfc3339(*text);
    if (!time) {
        return failure(fmt::format("\"{}\" is no time", text->substr(0, 64)),
                       "write it like 2026-03-01T12:00:00Z");
    }
    return time;
}

Expected<Secret> secret_argument(json& arguments, std::string_view name) {
    const auto found = arguments.find(name);
    if (found == arguments.end() || !found->is_string()) return bad_argument(name, "a string");
    auto& text = found->get_ref<std::string&>();
    Secret secret(bytes_of(text));
    wipe_text(text);
    return secret;
}

json time_json(const std::optional<WallTime>& time) {
    return time ? json(to_rfc3339(*time)) : json(nullptr);
}

void wipe_text(std::string& text) {
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    text.clear();
}

}  // namespace narrowgate::daemon
