// SPDX-License-Identifier: Apache-2.0
#include "fakes/child_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace narrowgate::fakes {
namespace {

constexpr int kEndPatience = 2000;  // milliseconds between SIGTERM and SIGKILL

std::string find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return name;
    for (const char* directory :
         {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/", "/sbin/", "/bin/"}) {
        if (::access((directory + name).c_str(), X_OK) == 0) return directory + name;
    }
    throw std::runtime_error(name + " is not installed: run scripts/setup");
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> arguments, const std::filesystem::path& output,
                           int input) {
    const std::string program = find_program(arguments.at(0));
    std::vector<char*> argv;
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
        // Only calls that are safe between fork and exec. Started by a thread that ends, it would end too:
        // the tests start programs from their main thread.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(126);
        const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (fd >= 0) {
            ::dup2(fd, STDOUT_FILENO);
            ::dup2(fd, STDERR_FILENO);
        }
        if (input >= 0) ::dup2(input, STDIN_FILENO);
        ::execv(program.c_str(), argv.data());
        ::_exit(127);
    }
    running_ = true;
    // Not glibc's pidfd_open(): that of Debian 12 is not declared for C++.
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (pidfd_ < 0) {
        signal(SIGKILL);
        reap(true);
        throw std::runtime_error("pidfd_open failed");
    }
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(other.pid_),
      pidfd_(std::exchange(other.pidfd_, -1)),
      running_(std::exchange(other.running_, false)),
      status_(other.status_) {}

ChildProcess::~ChildProcess() {
    if (running_) {
        signal(SIGKILL);
        reap(true);
    }
    if (pidfd_ >= 0) ::close(pidfd_);
}

bool ChildProcess::reap(bool block) {
    if (running_ && ::waitpid(pid_, &status_, block ? 0 : WNOHANG) == pid_) running_ = false;
    return !running_;
}

bool ChildProcess::is_running() {
    return !reap(false);
}

void ChildProcess::signal(int number) const {
    if (running_) ::kill(pid_, number);
}

void ChildProcess::stop() {
    signal(SIGTERM);
    pollfd end{.fd = pidfd_, .events = POLLIN, .revents = 0};
    if (running_ && ::poll(&end, 1, kEndPatience) == 0) signal(SIGKILL);
    reap(true);
}

int ChildProcess::wait() {
    reap(true);
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

void run(std::vector<std::string> arguments, const std::filesystem::path& output) {
    const std::string name = arguments.at(0);
    if (const int status = ChildProcess(std::move(arguments), output).wait(); status != 0) {
        std::ifstream said(output);
        throw std::runtime_error(name + " ended with " + std::to_string(status) + ": " +
                                 std::string(std::istreambuf_iterator<char>(said), {}));
    }
}

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "narrowgate-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::runtime_error("no free port");
    }
    ::close(fd);
    return ntohs(address.sin_port);
}

}  // namespace narrowgate::fakes
