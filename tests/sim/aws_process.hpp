// SPDX-License-Identifier: Apache-2.0
//
// An AwsBroker on real sockets, over mutual TLS: one thread, one epoll.
#pragma once

#include <openssl/ssl.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/aws_broker.hpp"
#include "sim/file_descriptor.hpp"
#include "sim/poller.hpp"

namespace narrowgate::sim {

struct AwsProcessOptions {
    Address listen;  // port 0: any that is free
    AwsOptions broker;
    std::string certificate_file;  // PEM, of the broker
    std::string key_file;
    std::string client_ca_file;  // who signs its clients' certificates
    bool require_alpn = false;   // "x-amzn-mqtt-ca", as port 443 of AWS does
    std::string record_file;     // of what is taken; empty: none
    bool digests = false;        // payloads are recorded by their size alone
};

// Thread: its owner's.
class AwsProcess {
public:
    // Opens everything. SIGTERM and SIGINT must be blocked in the process, SIGPIPE ignored.
    static Expected<std::unique_ptr<AwsProcess>> make(const AwsProcessOptions& options);

    // Where it listens.
    const Address& address() const { return address_; }

    // Until SIGTERM or SIGINT. Obeys standard input (aws_command.hpp) and prints counts to standard output.
    Expected<void> run();

    const AwsBroker& broker() const { return broker_; }
    std::uint64_t failed_handshakes() const { return failed_handshakes_; }

private:
    struct FreeContext {
        void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
    };
    struct FreeSession {
        void operator()(SSL* session) const { ::SSL_free(session); }
    };
    struct Socket {
        std::unique_ptr<SSL, FreeSession> tls;  // before the descriptor that it uses goes
        FileDescriptor fd;
        bool open = false;     // its handshake is over
        bool closing = false;  // nothing more is said; what still comes is thrown away until the peer closes
        Bytes unsent;
        std::uint32_t events = 0;  // of epoll, as they are set
        std::optional<SteadyTime> gives_up;
    };
    using Sockets = std::map<AwsBroker::ConnectionId, Socket>;

    explicit AwsProcess(const AwsProcessOptions& options);

    Expected<void> open_tls();
    Expected<void> open_listener();
    void accept_all(Now now);
    // Each false when the socket is to be closed now.
    bool serve(AwsBroker::ConnectionId id, Socket& socket, Now now);
    bool shake_hands(Socket& socket);
    bool read(AwsBroker::ConnectionId id, Socket& socket, Now now);
    bool write(Socket& socket);
    void send_outputs(Now now);
    void set_events(AwsBroker::ConnectionId id, Socket& socket, Now now);
    void read_commands(Now now);
    void record(const AwsBroker::Taken& taken);
    void record(const std::string& line);

    const AwsProcessOptions options_;
    SystemClock clock_;
    Address address_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> recording_{nullptr, &std::fclose};
    AwsBroker broker_;
    std::unique_ptr<SSL_CTX, FreeContext> context_;
    Poller poller_;
    FileDescriptor listener_;
    Sockets sockets_;
    std::uint64_t failed_handshakes_ = 0;
};

}  // namespace narrowgate::sim
