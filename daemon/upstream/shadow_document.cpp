// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/shadow_document.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "daemon/upstream/aws_limits.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::string_view kDeviceBlank = "{device}";
constexpr std::string_view kOwnValue = "value";

using Values = std::map<ShadowDocument::Key, std::string>;

std::string json_text(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_member(std::string& out, std::string_view key) {
    if (out.back() != '{') out += ',';
    out += json_text(key);
    out += ':';
}

// The object of [begin, end), whose keys are alike up to `depth`.
void append_object(Values::const_iterator begin, Values::const_iterator end, std::size_t depth,
                   const std::string* own_value, std::string& out) {
    out += '{';
    const bool has_own = own_value != nullptr && std::none_of(begin, end, [&](const auto& entry) {
                             return entry.first[depth] == kOwnValue;
                         });
    if (has_own) {
        append_member(out, kOwnValue);
        out += *own_value;
    }
    while (begin != end) {
        const std::string& key = begin->first[depth];
        const auto next =
            std::find_if(begin, end, [&](const auto& entry) { return entry.first[depth] != key; });
        append_member(out, key);
        const bool is_value = begin->first.size() == depth + 1;  // it is the first, being the shortest
        if (is_value && std::next(begin) == next) {
            out += begin->second;
        } else if (is_value) {
            append_object(std::next(begin), next, depth + 1, &begin->second, out);
        } else {
            append_object(begin, next, depth + 1, nullptr, out);
        }
        begin = next;
    }
    out += '}';
}

}  // namespace

ShadowDocument::Key ShadowDocument::key_of(const payload::Record& record) {
    std::string_view rest = record.name;
    if (const auto at = rest.find(kDeviceBlank); at != std::string_view::npos) {
        rest.remove_prefix(at + kDeviceBlank.size());
        rest.remove_prefix(std::min(rest.find_first_not_of(":/._-"), rest.size()));
    }
    Key key;
    while (!rest.empty()) {
        const bool is_last = key.size() + 1 == aws::kMaxShadowDepth;
        const auto slash = is_last ? std::string_view::npos : rest.find('/');
        if (slash != 0) key.emplace_back(rest.substr(0, slash));
        rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    }
    if (key.empty()) key.emplace_back(kOwnValue);
    return key;
}

void ShadowDocument::set(const Key& key, const payload::Record& record) {
    using Kind = payload::Record::Kind;
    const bool is_text = record.kind == Kind::kText || record.kind == Kind::kData;
    values_[key] = is_text ? json_text(record.value) : record.value;
}

std::string ShadowDocument::render(std::string_view token) const {
    std::string out = "{\"state\":{\"reported\":";
    append_object(values_.begin(), values_.end(), 0, nullptr, out);
    out += "},\"clientToken\":";
    out += json_text(token);
    return out += '}';
}

}  // namespace narrowgate::daemon
