// SPDX-License-Identifier: Apache-2.0
//
// HTTP for operators: on a Unix socket, and on loopback if wanted. One thread accepts and keeps who says
// nothing, a bounded pool answers who has begun a request. One request a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/ops/http.hpp"

namespace narrowgate::ops {

struct HttpServerOptions {
    // Of mode 0660; its directory (made with 0750 when there is none) says who may come.
    std::filesystem::path socket;
    // A port of 127.0.0.1, where every user of the machine may look but not change; 0 takes a free one.
    std::optional<std::uint16_t> loopback_port;
    // Requests at a time; live streams take half of them at most.
    std::size_t threads = 8;
    // Of those who have begun a request, until a thread is free; further ones wait in the kernel. As many may
    // be silent: then each further one closes the one that has been silent longest.
    std::size_t most_waiting = 32;
    // For the first byte, then for a request as a whole, which has at most 64 KiB, and for each write.
    seconds patience{5};
};

struct HttpLoad {
    PoolLoad requests;  // live streams included
    PoolLoad streams;
};

// Thread: any.
class HttpServer {
public:
    // Called in the pool's threads, several at once.
    using Handler = std::function<HttpAnswer(const HttpRequest&)>;

    // Listens from now on. A socket that nobody serves any more is replaced. Fails when another process
    // serves it, the directory cannot be written, or the port is taken.
    static Expected<std::unique_ptr<HttpServer>> open(const HttpServerOptions& options, Handler handler);
    // Ends streams, waits for requests in progress, removes the socket.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::optional<std::uint16_t> loopback_port() const;
    HttpLoad load() const;

private:
    struct Impl;
    explicit HttpServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate::ops
