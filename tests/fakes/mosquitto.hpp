// SPDX-License-Identifier: Apache-2.0
//
// A real mosquitto on loopback that wants client certificates, for tests of what speaks to brokers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fakes/child_process.hpp"
#include "fakes/pki.hpp"

namespace narrowgate::fakes {

// Thread: the test's.
class Mosquitto {
public:
    struct Options {
        KeyPair certificate;         // the broker's own
        std::filesystem::path root;  // vouches for clients
        std::string access_rules;    // an acl_file; without one all topics are open
        std::string further_lines;   // of mosquitto.conf
        bool tls_1_2_only = false;
    };

    // Starts it and returns when it listens. Users are named by their certificate's common name.
    explicit Mosquitto(Options options);

    std::uint16_t port() const { return port_; }
    std::string url(const std::string& host = "localhost") const;
    // Idempotent; start() takes the same port again.
    void stop();
    void start();
    // SIGKILL, as a crash of the broker is.
    void kill();
    // Stops and resumes its execution (SIGSTOP, SIGCONT): it takes TCP but says nothing.
    void freeze();
    void thaw();

    // What was published on `topic` since subscribe(), one line a message.
    void subscribe(const std::string& topic, const KeyPair& as);
    std::vector<std::string> received() const;
    // Everything that it wrote to its log.
    std::string log() const;
    // Until `text` is in the log at or after byte `from`; throws when the broker ends or takes too long.
    void wait_for_log(const std::string& text, std::size_t from = 0);

private:
    Options options_;
    TemporaryDirectory directory_;
    std::uint16_t port_;
    std::optional<ChildProcess> process_;
    std::optional<ChildProcess> subscriber_;
};

}  // namespace narrowgate::fakes
