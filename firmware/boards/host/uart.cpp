// SPDX-License-Identifier: Apache-2.0
#include "boards/host/uart.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include <cerrno>
#include <cstring>

namespace narrowgate::host {
namespace {

FileDescriptor open_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return FileDescriptor();
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    FileDescriptor line(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!line || ::connect(line.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::fcntl(line.get(), F_SETFL, O_NONBLOCK) != 0) {
        return FileDescriptor();
    }
    return line;
}

FileDescriptor open_terminal(const std::string& path) {
    FileDescriptor line(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    termios settings{};
    if (!line || ::tcgetattr(line.get(), &settings) != 0) return FileDescriptor();
    ::cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    ::cfsetspeed(&settings, B9600);
    if (::tcsetattr(line.get(), TCSANOW, &settings) != 0) return FileDescriptor();
    return line;
}

}  // namespace

bool Uart::connect() {
    struct stat status{};
    if (::stat(path_.c_str(), &status) != 0) return false;
    line_ = S_ISSOCK(status.st_mode) ? open_socket(path_) : open_terminal(path_);
    return static_cast<bool>(line_);
}

std::expected<Uart, std::string> Uart::open(const std::string& path) {
    Uart uart(path);
    if (!uart.connect()) return std::unexpected(path + ": " + std::strerror(errno));
    return uart;
}

bool Uart::reopen() {
    return !line_ && connect();
}

std::size_t Uart::write(const std::uint8_t* bytes, std::size_t size) {
    if (!line_) return size;  // a line without a modem: it takes all and answers nothing
    const ssize_t written = ::write(line_.get(), bytes, size);
    return written > 0 ? static_cast<std::size_t>(written) : errno == EAGAIN ? 0 : size;
}

std::size_t Uart::read(std::uint8_t* bytes, std::size_t size) {
    if (!line_) return 0;
    const ssize_t got = ::read(line_.get(), bytes, size);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) line_ = FileDescriptor();
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

void Uart::drain() {
    std::uint8_t bytes[256];
    while (read(bytes, sizeof bytes) > 0) {
    }
}

}  // namespace narrowgate::host
