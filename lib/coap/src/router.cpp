// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/router.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace narrowgate::coap {
namespace {

constexpr std::string_view kAnySegment = "*";
constexpr std::string_view kTheRest = "**";
constexpr std::size_t kMaxSegmentBytes = 255;  // RFC 7252 section 5.10, Uri-Path
constexpr std::string_view kCure = R"(write it like "telemetry", "sensors/*/state" or "logs/**")";

// What is wrong with one segment of a pattern; empty when nothing is.
std::string_view fault_of(std::string_view segment) {
    if (segment.empty()) return "has an empty segment";
    if (segment == "." || segment == "..") return "has a segment \".\" or \"..\", which no request may have";
    if (segment.contains('*'))
        return "has a \"*\" that is not a whole segment, or a \"**\" that is not the last";
    if (segment.size() > kMaxSegmentBytes) return "has a segment of more than 255 bytes";
    if (!is_utf8(bytes_of(segment))) return "is not UTF-8";
    return {};
}

}  // namespace

Expected<PathPattern> PathPattern::parse(std::string_view text) {
    auto rest = text.starts_with('/') ? text.substr(1) : text;
    if (rest.empty()) return failure("resource pattern is empty", std::string(kCure));
    PathPattern pattern;
    for (bool last = false; !last;) {
        const auto slash = rest.find('/');
        last = slash == std::string_view::npos;
        const auto segment = rest.substr(0, slash);
        if (!last) rest.remove_prefix(slash + 1);
        if (last && segment == kTheRest) {
            pattern.takes_rest_ = true;
            break;
        }
        if (segment != kAnySegment) {
            if (const auto fault = fault_of(segment); !fault.empty()) {
                return failure(fmt::format("resource pattern \"{}\" {}", text, fault), std::string(kCure));
            }
        }
        pattern.segments_.emplace_back(segment);
    }
    if (pattern.segments_.size() > kMaxPathSegments) {
        return failure(
            fmt::format("resource pattern \"{}\" has more than {} segments", text, kMaxPathSegments),
            "shorten it: no request with a longer path is accepted");
    }
    return pattern;
}

bool PathPattern::matches(const UriPath& path) const {
    const auto segments = path.segments();
    if (takes_rest_ ? segments.size() < segments_.size() : segments.size() != segments_.size()) return false;
    return std::ranges::equal(segments_, segments.first(segments_.size()),
                              [](std::string_view pattern, std::string_view segment) {
                                  return pattern == kAnySegment || pattern == segment;
                              });
}

bool PathPattern::is_exact() const {
    return !takes_rest_ && std::ranges::find(segments_, kAnySegment) == segments_.end();
}

std::string PathPattern::text() const {
    if (!takes_rest_) return fmt::format("{}", fmt::join(segments_, "/"));
    return fmt::format("{}{}{}", fmt::join(segments_, "/"), segments_.empty() ? "" : "/", kTheRest);
}

bool PathPattern::more_specific_than(const PathPattern& other) const {
    const auto vagueness_at = [](const PathPattern& pattern, std::size_t index) {
        if (index == pattern.segments_.size()) return pattern.takes_rest_ ? 3 : 2;
        return pattern.segments_[index] == kAnySegment ? 1 : 0;
    };
    const std::size_t shorter = std::min(segments_.size(), other.segments_.size());
    for (std::size_t index = 0; index <= shorter; ++index) {
        const int mine = vagueness_at(*this, index);
        const int theirs = vagueness_at(other, index);
        if (mine != theirs) return mine < theirs;
    }
    return false;
}

void Router::add(PathPattern pattern, Methods methods, ResourceHandle resource) {
    const auto place = std::ranges::find_if(
        routes_, [&](const Route& route) { return pattern.more_specific_than(route.pattern); });
    routes_.insert(place, Route{std::move(pattern), methods, resource});
}

std::expected<ResourceHandle, Code> Router::find(const UriPath& path, Code method) const {
    bool path_is_known = false;
    for (const Route& route : routes_) {
        if (!route.pattern.matches(path)) continue;
        if (route.methods.contains(method)) return route.resource;
        path_is_known = true;
    }
    return std::unexpected(path_is_known ? Code::kMethodNotAllowed : Code::kNotFound);
}

}  // namespace narrowgate::coap
