// SPDX-License-Identifier: Apache-2.0
#include "fakes/process_output.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace narrowgate::fakes {
namespace {

constexpr std::chrono::seconds kLinePatience{10};

// Wakes whoever polls it when a file in a directory grows.
class DirectoryWatch {
public:
    explicit DirectoryWatch(const std::filesystem::path& directory)
        : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
        if (fd_ < 0) throw std::runtime_error("no inotify");
        if (::inotify_add_watch(fd_, directory.c_str(), IN_MODIFY) < 0) {
            ::close(fd_);
            throw std::runtime_error("cannot watch " + directory.string());
        }
    }
    ~DirectoryWatch() { ::close(fd_); }
    DirectoryWatch(const DirectoryWatch&) = delete;
    DirectoryWatch& operator=(const DirectoryWatch&) = delete;

    int handle() const { return fd_; }
    void forget() const {
        std::array<char, 4096> events{};
        while (::read(fd_, events.data(), events.size()) > 0) {
        }
    }

private:
    int fd_;
};

}  // namespace

std::string text_of_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

void wait_for_output(ChildProcess& process, const std::filesystem::path& file,
                     const std::function<bool(const std::string&)>& found, const std::string& what) {
    using std::chrono::milliseconds;
    using std::chrono::steady_clock;
    const DirectoryWatch watch(file.parent_path());  // before the first look: nothing is missed
    const auto deadline = steady_clock::now() + kLinePatience;
    for (;;) {
        // In this order: what it said before it ended counts.
        const bool ended = !process.is_running();
        if (found(text_of_file(file))) return;
        if (ended)
            throw std::runtime_error("waited for " + what + ", and it has ended: " + text_of_file(file));
        std::array<pollfd, 2> news{{{.fd = watch.handle(), .events = POLLIN, .revents = 0},
                                    {.fd = process.end_handle(), .events = POLLIN, .revents = 0}}};
        const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
        if (left <= milliseconds(0) || ::poll(news.data(), news.size(), static_cast<int>(left.count())) == 0)
            throw std::runtime_error("waited in vain for " + what + ": " + text_of_file(file));
        watch.forget();
    }
}

}  // namespace narrowgate::fakes
