// SPDX-License-Identifier: Apache-2.0
//
// A name server on 127.0.0.1:53 (RFC 1035) that says what a test wants it to, for tests in a network of their
// own.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace narrowgate::fakes {

// Thread: any.
class NameServer {
public:
    // RFC 1035 section 4.1.1.
    enum class Code : std::uint8_t { kNoError = 0, kServerFailure = 2, kNameError = 3, kRefused = 5 };
    struct Answer {
        std::vector<std::string> addresses;  // of both families, each as text, in the order to send
        Code code = Code::kNoError;
        bool silent = false;
    };

    // Throws when the port cannot be had.
    NameServer();
    ~NameServer();
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    // From now on, for this name. Of all others it says that they do not exist.
    void set(const std::string& name, Answer answer);

private:
    void serve();
    // What to send for a question; nothing where silence is wanted.
    std::string answer_to(const std::string& question);

    int socket_ = -1;
    int end_ = -1;  // readable when it is to end
    std::mutex mutex_;
    std::map<std::string, Answer> answers_;
    std::thread thread_;
};

}  // namespace narrowgate::fakes
