// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/child_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::daemon {
namespace {

struct Actions {
    Actions() { posix_spawn_file_actions_init(&actions); }
    ~Actions() { posix_spawn_file_actions_destroy(&actions); }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;
    posix_spawn_file_actions_t actions{};
};

// False at its end, and when nobody waits any longer.
bool hear(int descriptor, std::size_t most, std::chrono::steady_clock::time_point until,
          ChildOutput& output) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waited{descriptor, POLLIN, 0};
    const int ready = left.count() > 0 ? poll(&waited, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) return true;
    std::array<char, 65'536> piece{};
    const ssize_t count = ready > 0 ? read(descriptor, piece.data(), piece.size()) : -1;
    if (count == 0) return false;
    if (count < 0) {
        output.cut = true;
        return false;
    }
    output.text.append(piece.data(), std::min(static_cast<std::size_t>(count), most - output.text.size()));
    output.cut = output.text.size() >= most;
    return !output.cut;
}

}  // namespace

Expected<ChildOutput> output_of(const std::vector<std::string>& arguments, std::size_t most,
                                milliseconds patience) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return failure("no pipe: " + system_message(errno), "try again");
    const io::FileDescriptor heard(ends[0]);
    io::FileDescriptor said(ends[1]);
    Actions actions;
    posix_spawn_file_actions_addopen(&actions.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions.actions, said.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions.actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<std::string> words = arguments;
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (std::string& word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_t child = -1;
    const int failed =
        posix_spawnp(&child, pointers.front(), &actions.actions, nullptr, pointers.data(), environ);
    if (failed != 0) {
        return failure(fmt::format("{}: {}", arguments.front(), system_message(failed)),
                       "install it, or do without");
    }
    said.close();
    ChildOutput output;
    const auto until = std::chrono::steady_clock::now() + patience;
    while (hear(heard.get(), most, until, output)) {
    }
    if (output.cut) kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return output;
}

}  // namespace narrowgate::daemon
