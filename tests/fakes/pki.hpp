// SPDX-License-Identifier: Apache-2.0
//
// A throw-away certificate authority made by openssl(1): P-256 keys, files of mode 0600.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "fakes/child_process.hpp"

namespace narrowgate::fakes {

// A certificate and its key.
struct KeyPair {
    std::filesystem::path certificate;
    std::filesystem::path key;
};

// Thread: the test's.
class Pki {
public:
    // One authority; `name` is its common name. Takes a few tens of milliseconds, as each key pair does.
    explicit Pki(std::string_view name = "Throw-away root");

    const std::filesystem::path& root() const { return root_.certificate; }
    const std::filesystem::path& directory() const { return directory_.path(); }

    // For a server; `names` as in subjectAltName: "DNS:localhost,IP:127.0.0.1".
    KeyPair server(std::string_view file_name, std::string_view names);
    // For a client; `common_name` is the user name that brokers give it.
    KeyPair client(std::string_view common_name);
    // Valid for one hour, a day ago.
    KeyPair expired_server(std::string_view file_name, std::string_view names);

    // What the above are made of. From and to count from now.
    struct Wish {
        std::string file_name;
        std::string common_name;
        std::string extensions = "extendedKeyUsage=clientAuth\n";
        std::chrono::hours from{-1};
        std::chrono::hours to{48};
        const KeyPair* issuer = nullptr;  // the root, when null
    };
    KeyPair issue(const Wish& wish);
    // An authority below the root.
    KeyPair intermediate(std::string_view file_name);

private:
    TemporaryDirectory directory_;
    KeyPair root_;
};

}  // namespace narrowgate::fakes
