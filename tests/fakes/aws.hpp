// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-aws (docs/simulators.md), the broker that treats a gateway as AWS IoT Core does, on loopback.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fakes/child_process.hpp"
#include "fakes/pki.hpp"

namespace narrowgate::fakes {

// Thread: the test's.
class Aws {
public:
    struct Options {
        KeyPair certificate;             // the broker's own
        std::filesystem::path root;      // vouches for clients
        std::vector<std::string> flags;  // further ones of its command line
        std::uint16_t port = 0;          // 0: any
    };

    // Starts it and returns when it listens.
    explicit Aws(const Options& options);
    ~Aws();
    Aws(const Aws&) = delete;
    Aws& operator=(const Aws&) = delete;

    std::string url() const;
    // One of its commands: "disconnect 0x94".
    void tell(const std::string& command);
    // What it did so far.
    nlohmann::json counts();
    // Waits until it has accepted so many CONNECTs; the keep-alives in seconds that they asked for, in order.
    std::vector<int> keep_alives(std::size_t count);

private:
    struct Pipe {
        Pipe();
        int read_end = -1;
        int write_end = -1;
    };

    std::vector<nlohmann::json> printed() const;

    TemporaryDirectory directory_;
    Pipe commands_;
    ChildProcess process_;
    std::string address_;
};

}  // namespace narrowgate::fakes
