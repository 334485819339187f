// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/ops/http_client.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <iterator>
#include <utility>

#include "socket_path.hpp"

namespace narrowgate::ops {
namespace {

constexpr int kOk = 200;

AskFailure failure_at(const std::filesystem::path& socket, milliseconds patience) {
    const int error_number = try_connect(socket);
    return error_number == 0 ? silence_at(socket, patience) : connect_failure(socket, error_number);
}

HttpResponse response_of(const httplib::Response& from) {
    return {.status = from.status,
            .content_type = from.get_header_value("Content-Type"),
            .body = from.body,
            .headers = {from.headers.begin(), from.headers.end()}};
}

void prepare(httplib::ClientImpl& client, milliseconds patience) {
    client.set_address_family(AF_UNIX);
    client.set_default_headers({{"Host", "localhost"}});
    client.set_connection_timeout(patience);
    client.set_read_timeout(patience);
    client.set_write_timeout(patience);
}

}  // namespace

HttpClient::HttpClient(std::filesystem::path socket, milliseconds patience)
    : socket_(std::move(socket)), patience_(patience) {}

std::expected<HttpResponse, AskFailure> HttpClient::get(const std::string& target) const {
    httplib::ClientImpl client(socket_.string());
    prepare(client, patience_);
    const auto result = client.Get(target);
    if (!result) return std::unexpected(failure_at(socket_, patience_));
    return response_of(*result);
}

std::expected<HttpResponse, AskFailure> HttpClient::post(const std::string& target) const {
    httplib::ClientImpl client(socket_.string());
    prepare(client, patience_);
    const auto result = client.Post(target);
    if (!result) return std::unexpected(failure_at(socket_, patience_));
    return response_of(*result);
}

std::expected<HttpResponse, AskFailure> HttpClient::stream(
    const std::string& target, const std::function<bool(std::string_view)>& piece) const {
    httplib::ClientImpl client(socket_.string());
    prepare(client, patience_);
    HttpResponse head;
    bool stopped = false;
    const auto result = client.Get(
        target,
        [&head](const httplib::Response& response) {
            head = response_of(response);
            return true;
        },
        [&](const char* bytes, std::size_t size) {
            if (head.status != kOk) {
                head.body.append(bytes, size);
                return true;
            }
            stopped = !piece({bytes, size});
            return !stopped;
        });
    if (!result && !stopped) return std::unexpected(failure_at(socket_, patience_));
    return head;
}

std::string url_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

}  // namespace narrowgate::ops
