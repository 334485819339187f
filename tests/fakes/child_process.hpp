// SPDX-License-Identifier: Apache-2.0
//
// A program that a test runs beside itself, and that does not outlive the test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace narrowgate::fakes {

// Thread: the test's. A program that cannot be started fails the test by exception, as all of tests/fakes do.
class ChildProcess {
public:
    // Runs `arguments[0]`, found in PATH or /usr/sbin; output of both kinds is appended to `output`, and
    // `input`, if it is a descriptor, is its standard input. The kernel ends it with the test.
    ChildProcess(std::vector<std::string> arguments, const std::filesystem::path& output, int input = -1);
    ~ChildProcess();  // SIGKILL
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&&) = delete;

    pid_t pid() const { return pid_; }
    // A descriptor to poll: readable from the program's end on. This keeps it.
    int end_handle() const { return pidfd_; }
    bool is_running();
    void signal(int number) const;
    // SIGTERM, and SIGKILL after two seconds. Idempotent.
    void stop();
    // Waits for the end; its exit status, or 128 and the signal.
    int wait();

private:
    bool reap(bool block);

    pid_t pid_ = -1;
    int pidfd_ = -1;
    bool running_ = false;
    int status_ = 0;
};

// Runs to the end; throws with the output when the exit status is not 0.
void run(std::vector<std::string> arguments, const std::filesystem::path& output);

// A directory of its own under the system's temporary one, removed with this.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// A TCP port of loopback that was free a moment ago.
std::uint16_t free_port();

}  // namespace narrowgate::fakes
