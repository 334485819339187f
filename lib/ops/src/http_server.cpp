// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/ops/http_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "bounded_stream.hpp"
#include "narrowgate/io/file_descriptor.hpp"
#include "reception.hpp"
#include "socket_path.hpp"
#include "workers.hpp"

namespace narrowgate::ops {
namespace {

constexpr mode_t kSocketMode = 0660;
// No request of ours has a body worth a word.
constexpr std::size_t kMostBodyBytes = 4096;
// Of a request with its headers and body: browsers send one or two thousand.
constexpr std::size_t kMostRequestBytes = std::size_t{64} * 1024;
constexpr int kAnyPort = 80;  // a Unix socket has none; the library wants one
// In place of the library's 5: on a Unix socket a connection that finds the queue full fails at once.
constexpr int kBacklog = 64;
constexpr const char* kLoopback = "127.0.0.1";
// Whom a browser on this machine may have meant. Other names that lead here are a web page's attempt to read
// our answers under its own name.
constexpr std::array<std::string_view, 3> kLocalNames = {"127.0.0.1", "localhost", "[::1]"};

std::string error_body(std::string_view what) {
    std::string text = "{\"error\":\"";
    text += what;
    text += "\"}\n";
    return text;
}

HttpResponse refusal(int status, std::string_view what) {
    return {.status = status, .content_type = "application/json", .body = error_body(what), .headers = {}};
}

bool is_local_name(std::string_view host) {
    const auto colon = host.rfind(':');
    const auto bracket = host.rfind(']');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
        host = host.substr(0, colon);
    return std::ranges::find(kLocalNames, host) != kLocalNames.end();
}

// A part of what streams may take of the pool.
class StreamPlace {
public:
    StreamPlace(std::atomic<std::size_t>& taken, std::size_t places) : taken_(taken) {
        is_ours_ = taken_.fetch_add(1) < places;
        if (!is_ours_) taken_.fetch_sub(1);
    }
    ~StreamPlace() {
        if (is_ours_) taken_.fetch_sub(1);
    }
    StreamPlace(const StreamPlace&) = delete;
    StreamPlace& operator=(const StreamPlace&) = delete;
    explicit operator bool() const { return is_ours_; }

private:
    std::atomic<std::size_t>& taken_;
    bool is_ours_ = false;
};

// The library binds, parses and routes; who calls comes from our reception, and is read our way.
class BoundedServer final : public httplib::Server {
public:
    explicit BoundedServer(seconds patience) : patience_(patience) {}

    void serve(const Reception::Caller& caller) {
        BoundedStream stream(caller.fd.get(), caller.said, patience_, kMostRequestBytes);
        bool closed = false;
        process_request(stream, true, closed, nullptr);
        ::shutdown(caller.fd.get(), SHUT_RDWR);
    }

private:
    const seconds patience_;
};

}  // namespace

struct HttpServer::Impl {
    struct Listener {
        explicit Listener(seconds patience) : server(patience) {}

        BoundedServer server;
        bool over_socket = false;
        int made = -1;  // by the library, which closes it when it cannot bind it, and else never does
        io::FileDescriptor fd;

        // What the library has bound.
        bool take_over() {
            fd = io::FileDescriptor(made);
            return ::listen(made, kBacklog) == 0 && ::fcntl(made, F_SETFL, O_NONBLOCK) == 0;
        }
    };

    Impl(const HttpServerOptions& wanted, Handler handles)
        : options(wanted),
          handler(std::move(handles)),
          most_streams(wanted.threads / 2),
          workers(std::in_place, wanted.threads, wanted.most_waiting) {}

    void prepare(Listener& listener);
    Expected<void> listen_on_socket();
    Expected<void> listen_on_loopback();
    Expected<void> receive();
    HttpAnswer answer(const httplib::Request& request, bool over_socket) const;
    void write(HttpAnswer&& answer, httplib::Response& response);

    const HttpServerOptions options;
    const Handler handler;
    const std::size_t most_streams;
    std::atomic<bool> stopping = false;
    std::atomic<std::size_t> streams = 0;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::optional<Workers> workers;        // serve with the listeners
    std::unique_ptr<Reception> reception;  // gives work to the workers
    bool has_socket = false;
    std::optional<std::uint16_t> port;
};

void HttpServer::Impl::prepare(Listener& listener) {
    httplib::Server& server = listener.server;
    server.set_payload_max_length(kMostBodyBytes);
    server.set_default_headers({{"Cache-Control", "no-store"},
                                {"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"},
                                {"Referrer-Policy", "no-referrer"},
                                {"X-Content-Type-Options", "nosniff"}});
    server.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
            response.status = 500;
            response.set_content(error_body("the gateway could not answer that"), "application/json");
        });
    // Ahead of the library's own routing, which matches regular expressions against what a stranger sent.
    server.set_pre_routing_handler([this, over_socket = listener.over_socket](const httplib::Request& request,
                                                                              httplib::Response& response) {
        write(answer(request, over_socket), response);
        return httplib::Server::HandlerResponse::Handled;
    });
}

HttpAnswer HttpServer::Impl::answer(const httplib::Request& request, bool over_socket) const {
    if (!over_socket && !is_local_name(request.get_header_value("Host")))
        return {refusal(403, "ask for 127.0.0.1 or localhost"), nullptr};
    if (request.method != "GET" && request.method != "HEAD" && request.method != "POST")
        return {refusal(405, "GET and POST are what there is"), nullptr};
    if (request.method == "POST" && !over_socket)
        return {refusal(403, "changes are made over the socket in the runtime directory"), nullptr};
    HttpRequest wanted{.method = request.method == "POST" ? "POST" : "GET",
                       .path = request.path,
                       .query = {},
                       .over_socket = over_socket};
    for (const auto& [name, value] : request.params)
        wanted.query.emplace(name, value);
    return handler(wanted);
}

void HttpServer::Impl::write(HttpAnswer&& answer, httplib::Response& response) {
    std::shared_ptr<StreamPlace> place;
    if (answer.stream) {
        place = std::make_shared<StreamPlace>(streams, most_streams);
        if (!*place) {
            answer = {refusal(503, "as many live views are open as there may be"), nullptr};
            answer.head.headers.emplace_back("Retry-After", "10");
        }
    }
    response.status = answer.head.status;
    for (const auto& [name, value] : answer.head.headers)
        response.set_header(name, value);
    if (!answer.stream) {
        response.set_content(answer.head.body, answer.head.content_type);
        return;
    }
    response.set_chunked_content_provider(
        answer.head.content_type,
        [this, place, stream = std::shared_ptr<HttpStream>(std::move(answer.stream))](
            std::size_t, httplib::DataSink& sink) {
            std::string piece;
            const bool more = stream->next(piece) && !stopping;
            if (!piece.empty() && !sink.write(piece.data(), piece.size())) return false;
            if (!more) sink.done();
            return sink.is_writable();
        });
}

Expected<void> HttpServer::Impl::listen_on_socket() {
    if (auto cleared = clear_socket_path(options.socket); !cleared) return cleared;
    Listener& listener = *listeners.emplace_back(std::make_unique<Listener>(options.patience));
    listener.over_socket = true;
    prepare(listener);
    // The mode is set before there is a name, so that the socket is at no moment open to others.
    listener.server.set_address_family(AF_UNIX).set_socket_options([&listener](socket_t fd) {
        ::fchmod(fd, kSocketMode);
        listener.made = fd;
    });
    errno = 0;
    has_socket = listener.server.bind_to_port(options.socket.string(), kAnyPort);
    if (!has_socket || !listener.take_over() || ::chmod(options.socket.c_str(), kSocketMode) != 0) {
        return failure(fmt::format("{}: {}", options.socket.string(), system_message(errno)),
                       "let the gateway's user write its directory");
    }
    return {};
}

Expected<void> HttpServer::Impl::listen_on_loopback() {
    Listener& listener = *listeners.emplace_back(std::make_unique<Listener>(options.patience));
    prepare(listener);
    listener.server.set_socket_options([&listener](socket_t fd) {
        const int yes = 1;  // a port whose last connections linger is free
        (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        listener.made = fd;
    });
    const std::uint16_t wanted = *options.loopback_port;
    errno = 0;
    if (wanted != 0) {
        if (listener.server.bind_to_port(kLoopback, wanted)) port = wanted;
    } else if (const int given = listener.server.bind_to_any_port(kLoopback); given > 0) {
        port = static_cast<std::uint16_t>(given);
    }
    if (!port || !listener.take_over()) {
        return failure(fmt::format("{}:{}: {}", kLoopback, wanted, system_message(errno)),
                       "give the status page another port, or none");
    }
    return {};
}

Expected<void> HttpServer::Impl::receive() {
    std::vector<int> doors;
    doors.reserve(listeners.size());
    for (const auto& listener : listeners)
        doors.push_back(listener->fd.get());
    auto opened =
        Reception::open(std::move(doors), {options.most_waiting, kMostRequestBytes, options.patience},
                        [this](std::shared_ptr<const Reception::Caller> caller) {
                            BoundedServer& server = listeners[caller->door]->server;
                            workers->run([&server, caller = std::move(caller)] { server.serve(*caller); });
                        });
    if (!opened) return std::unexpected(std::move(opened.error()));
    reception = std::move(*opened);
    return {};
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
    impl_->stopping = true;
    impl_->reception.reset();
    impl_->workers.reset();
    if (impl_->has_socket) ::unlink(impl_->options.socket.c_str());
}

Expected<std::unique_ptr<HttpServer>> HttpServer::open(const HttpServerOptions& options, Handler handler) {
    auto server =
        std::unique_ptr<HttpServer>(new HttpServer(std::make_unique<Impl>(options, std::move(handler))));
    if (auto listens = server->impl_->listen_on_socket(); !listens)
        return std::unexpected(std::move(listens.error()));
    if (options.loopback_port) {
        if (auto listens = server->impl_->listen_on_loopback(); !listens)
            return std::unexpected(std::move(listens.error()));
    }
    if (auto receives = server->impl_->receive(); !receives)
        return std::unexpected(std::move(receives.error()));
    return server;
}

std::optional<std::uint16_t> HttpServer::loopback_port() const {
    return impl_->port;
}

HttpLoad HttpServer::load() const {
    return {.requests = impl_->workers->load(), .streams = {impl_->streams, impl_->most_streams}};
}

}  // namespace narrowgate::ops
