// SPDX-License-Identifier: Apache-2.0
//
// From a path and a method to a resource. A fleet has one router; its resources are the caller's, known here
// by a number.
#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/error.hpp"
#include "narrowgate/coap/numbers.hpp"
#include "narrowgate/coap/uri_path.hpp"

namespace narrowgate::coap {

// "telemetry", "sensors/*/state", "logs/**": exact segments, "*" for any one segment, and as the last, "**"
// for the rest (which may be nothing).
class PathPattern {
public:
    // Reads a pattern as people write it; a leading slash is allowed. The error names what is wrong with it.
    static Expected<PathPattern> parse(std::string_view text);

    bool matches(const UriPath& path) const;
    // Whether it names one path only.
    bool is_exact() const;
    // As parsed, without the leading slash.
    std::string text() const;

    bool operator==(const PathPattern&) const = default;
    // Of two patterns that match one path, the more specific: the first segment in which they differ decides;
    // exact before "*" before "**".
    bool more_specific_than(const PathPattern& other) const;

private:
    std::vector<std::string> segments_;
    bool takes_rest_ = false;
};

// Methods as a set of bits; codes 0.01 to 0.31.
class Methods {
public:
    constexpr Methods(std::initializer_list<Code> codes) {
        for (const Code code : codes)
            bits_ |= 1U << detail_of(code);
    }
    constexpr bool contains(Code method) const {
        return is_request(method) && (bits_ >> detail_of(method) & 1U) != 0;
    }

private:
    std::uint32_t bits_ = 0;
};

// The caller's number of a resource.
using ResourceHandle = std::uint32_t;

// Thread: any, once filled.
class Router {
public:
    // Of routes with the same pattern the earlier is asked first.
    void add(PathPattern pattern, Methods methods, ResourceHandle resource);

    // The most specific route for path and method. Else kMethodNotAllowed when a route has the path, or
    // kNotFound. Takes as long as there are routes.
    std::expected<ResourceHandle, Code> find(const UriPath& path, Code method) const;

private:
    struct Route {
        PathPattern pattern;
        Methods methods;
        ResourceHandle resource{};
    };
    std::vector<Route> routes_;  // the more specific first
};

}  // namespace narrowgate::coap
