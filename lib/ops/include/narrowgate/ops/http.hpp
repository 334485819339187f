// SPDX-License-Identifier: Apache-2.0
//
// A request and its answer, as operators' tools exchange them with the gateway.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace narrowgate::ops {

struct HttpRequest {
    std::string method;  // "GET"
    std::string path;    // decoded, without query: "/v1/devices/wm-0001"
    std::map<std::string, std::string> query;
    bool over_socket =
        false;  // the Unix socket, whose group may change things; else loopback, which may look
};

struct HttpResponse {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

// A body without an end, such as server-sent events.
// Thread: one of the server's, for as long as the client stays.
class HttpStream {
public:
    virtual ~HttpStream() = default;

    // Appends to `out` what there is to say; may wait for it, a second at most. False: the stream is over.
    virtual bool next(std::string& out) = 0;
};

struct HttpAnswer {
    HttpResponse head;                   // with a stream, its body is empty
    std::unique_ptr<HttpStream> stream;  // null: the body is all
};

}  // namespace narrowgate::ops
