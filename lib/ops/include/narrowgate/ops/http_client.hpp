// SPDX-License-Identifier: Apache-2.0
//
// Asks a running gateway over its socket.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/ops/ask_failure.hpp"
#include "narrowgate/ops/http.hpp"

namespace narrowgate::ops {

// Thread: any.
class HttpClient {
public:
    explicit HttpClient(std::filesystem::path socket, milliseconds patience = seconds(10));

    // `target` is a path and its query, encoded (url_encoded). An answer of any status is a result.
    std::expected<HttpResponse, AskFailure> get(const std::string& target) const;
    std::expected<HttpResponse, AskFailure> post(const std::string& target) const;
    // Calls back with pieces of the body as they come, until it ends or the callback returns false. The
    // result has no body, unless the status is not 200.
    std::expected<HttpResponse, AskFailure> stream(const std::string& target,
                                                   const std::function<bool(std::string_view)>& piece) const;

private:
    const std::filesystem::path socket_;
    const milliseconds patience_;
};

// For one segment of a path or one value of a query (RFC 3986 section 2.1).
std::string url_encoded(std::string_view text);

}  // namespace narrowgate::ops
