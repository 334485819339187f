// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/ops/http_server.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "bounded_stream.hpp"
#include "socket_path.hpp"
#include "workers.hpp"

namespace narrowgate::ops {
namespace {

constexpr mode_t kSocketMode = 0660;
// No request of ours has a body worth a word.
constexpr std::size_t kMostBodyBytes = 4096;
// Of a request with its headers and body: browsers send one or two thousand.
constexpr std::size_t kMostRequestBytes = std::size_t{64} * 1024;
constexpr seconds kListenAgain{1};
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

// One server's way into the pool that both share.
class QueueToWorkers final : public httplib::TaskQueue {
public:
    explicit QueueToWorkers(Workers& workers) : workers_(workers) {}

    void enqueue(std::function<void()> job) override {
        {
            const std::lock_guard lock(mutex_);
            ++unfinished_;
        }
        workers_.run([this, job = std::move(job)] {
            job();
            const std::lock_guard lock(mutex_);
            if (--unfinished_ == 0) idle_.notify_all();
        });
    }
    // Of this server alone.
    void shutdown() override {
        std::unique_lock lock(mutex_);
        idle_.wait(lock, [this] { return unfinished_ == 0; });
    }

private:
    Workers& workers_;
    std::mutex mutex_;
    std::condition_variable idle_;
    std::size_t unfinished_ = 0;
};

// The library's, with its way to read a request replaced by ours.
class BoundedServer final : public httplib::Server {
public:
    explicit BoundedServer(seconds patience) : patience_(patience) {}

private:
    bool process_and_close_socket(socket_t fd) override {
        BoundedStream stream(fd, patience_, kMostRequestBytes);
        bool closed = false;
        const bool answered = process_request(stream, true, closed, nullptr);
        ::shutdown(fd, SHUT_RDWR);
        ::close(fd);
        return answered;
    }

    const seconds patience_;
};

}  // namespace

struct HttpServer::Impl {
    struct Listener {
        explicit Listener(seconds patience) : server(patience) {}

        BoundedServer server;
        bool over_socket = false;
        int fd = -1;  // the server's; of the last bind()
        std::function<bool()> bind;
        std::atomic<bool> ended = false;
        std::jthread thread;
    };

    Impl(const HttpServerOptions& wanted, Handler handles)
        : options(wanted),
          handler(std::move(handles)),
          most_streams(wanted.threads / 2),
          workers(wanted.threads, wanted.most_waiting) {}

    void prepare(Listener& listener);
    Expected<void> listen_on_socket();
    Expected<void> listen_on_loopback();
    void start(Listener& listener);
    void serve(Listener& listener);
    void stop(Listener& listener);
    HttpAnswer answer(const httplib::Request& request, bool over_socket) const;
    void write(HttpAnswer&& answer, httplib::Response& response);

    const HttpServerOptions options;
    const Handler handler;
    const std::size_t most_streams;
    std::mutex mutex;  // of `stopped`
    std::condition_variable stopped;
    std::atomic<bool> stopping = false;
    std::atomic<std::size_t> streams = 0;
    Workers workers;
    std::unique_ptr<Listener> socket;
    std::unique_ptr<Listener> loopback;
    int port = 0;
};

void HttpServer::Impl::prepare(Listener& listener) {
    httplib::Server& server = listener.server;
    server.new_task_queue = [this] { return new QueueToWorkers(workers); };  // the server's, who deletes it
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

void HttpServer::Impl::start(Listener& listener) {
    listener.thread = std::jthread([this, &listener] { serve(listener); });
    pthread_setname_np(listener.thread.native_handle(), "http-accept");
}

// The library stops listening when the process is out of memory or descriptors.
void HttpServer::Impl::serve(Listener& listener) {
    for (bool bound = true;;) {
        if (bound) listener.server.listen_after_bind();
        {
            std::unique_lock lock(mutex);
            if (stopped.wait_for(lock, kListenAgain, [this] { return stopping.load(); })) break;
        }
        bound = listener.bind();
    }
    listener.ended = true;
}

void HttpServer::Impl::stop(Listener& listener) {
    if (!listener.thread.joinable()) return;
    for (bool told = false; !told && !listener.ended;) {
        told = listener.server.is_running();
        if (told) {
            listener.server.stop();
        } else {
            std::this_thread::yield();  // it has not begun to listen yet, and would not hear of it
        }
    }
    listener.thread.join();
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
    socket = std::make_unique<Listener>(options.patience);
    socket->over_socket = true;
    prepare(*socket);
    // The mode is set before there is a name, so that the socket is at no moment open to others.
    socket->server.set_address_family(AF_UNIX).set_socket_options([this](socket_t fd) {
        ::fchmod(fd, kSocketMode);
        socket->fd = fd;
    });
    socket->bind = [this] {
        ::unlink(options.socket.c_str());
        return socket->server.bind_to_port(options.socket.string(), kAnyPort) &&
               ::chmod(options.socket.c_str(), kSocketMode) == 0 && ::listen(socket->fd, kBacklog) == 0;
    };
    errno = 0;
    if (!socket->bind()) {
        return failure(fmt::format("{}: {}", options.socket.string(), system_message(errno)),
                       "let the gateway's user write its directory");
    }
    start(*socket);
    return {};
}

Expected<void> HttpServer::Impl::listen_on_loopback() {
    loopback = std::make_unique<Listener>(options.patience);
    prepare(*loopback);
    loopback->bind = [this] {
        httplib::Server& server = loopback->server;
        if (port != 0) return server.bind_to_port(kLoopback, port);
        port = std::max(server.bind_to_any_port(kLoopback), 0);
        return port != 0;
    };
    port = *options.loopback_port;
    errno = 0;
    if (!loopback->bind()) {
        return failure(fmt::format("{}:{}: {}", kLoopback, *options.loopback_port, system_message(errno)),
                       "give the status page another port, or none");
    }
    start(*loopback);
    return {};
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->stopped.notify_all();
    if (impl_->loopback) impl_->stop(*impl_->loopback);
    if (!impl_->socket) return;
    const bool served = impl_->socket->thread.joinable();
    impl_->stop(*impl_->socket);
    if (served) ::unlink(impl_->options.socket.c_str());
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
    return server;
}

std::optional<std::uint16_t> HttpServer::loopback_port() const {
    if (!impl_->loopback) return std::nullopt;
    return static_cast<std::uint16_t>(impl_->port);
}

HttpLoad HttpServer::load() const {
    return {.requests = impl_->workers.load(), .streams = {impl_->streams, impl_->most_streams}};
}

}  // namespace narrowgate::ops
