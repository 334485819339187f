// SPDX-License-Identifier: Apache-2.0
#include "fakes/name_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace narrowgate::fakes {
namespace {

constexpr std::uint16_t kPort = 53;
constexpr std::size_t kHeaderBytes = 12;  // RFC 1035 section 4.1.1
constexpr std::uint16_t kTypeA = 1;       // section 3.2.2
constexpr std::uint16_t kTypeAaaa = 28;   // RFC 3596 section 2.1
constexpr std::size_t kMaxMessage = 512;  // section 4.2.1

void append_u16(std::string& message, std::size_t value) {
    message += static_cast<char>(value >> 8U & 0xFFU);
    message += static_cast<char>(value & 0xFFU);
}

// Of a question's name, whose labels begin at `at`, which is moved behind it.
std::string take_name(const std::string& question, std::size_t& at) {
    std::string name;
    while (at < question.size() && question[at] != 0) {
        const std::size_t size = static_cast<unsigned char>(question[at]);
        name += (name.empty() ? "" : ".") + question.substr(at + 1, size);
        at += size + 1;
    }
    ++at;
    return name;
}

}  // namespace

NameServer::NameServer()
    : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), end_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const std::string why = std::strerror(errno);
        ::close(socket_);
        ::close(end_);
        throw std::runtime_error("no name server: " + why);
    }
    thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
    const std::uint64_t one = 1;
    (void)!::write(end_, &one, sizeof one);
    thread_.join();
    ::close(socket_);
    ::close(end_);
}

void NameServer::set(const std::string& name, Answer answer) {
    const std::scoped_lock lock(mutex_);
    answers_[name] = std::move(answer);
}

void NameServer::serve() {
    for (;;) {
        std::array<pollfd, 2> news{
            {{.fd = socket_, .events = POLLIN, .revents = 0}, {.fd = end_, .events = POLLIN, .revents = 0}}};
        if (::poll(news.data(), news.size(), -1) < 0 && errno != EINTR) return;
        if (news[1].revents != 0) return;
        if (news[0].revents == 0) continue;
        std::array<char, kMaxMessage> buffer{};
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const ssize_t count =
            ::recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (count < 0) continue;
        const std::string answer = answer_to({buffer.data(), static_cast<std::size_t>(count)});
        if (answer.empty()) continue;
        (void)::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
                       size);
    }
}

std::string NameServer::answer_to(const std::string& question) {
    std::size_t at = kHeaderBytes;
    const std::string name = take_name(question, at);
    if (at + 4 > question.size()) return {};
    const std::uint16_t type = static_cast<unsigned char>(question[at + 1]);
    Answer answer{.addresses = {}, .code = Code::kNameError};
    {
        const std::scoped_lock lock(mutex_);
        if (const auto known = answers_.find(name); known != answers_.end()) answer = known->second;
    }
    if (answer.silent) return {};

    std::string records;
    std::size_t count = 0;
    for (const std::string& address : answer.addresses) {
        const bool v6 = address.find(':') != std::string::npos;
        if (type != (v6 ? kTypeAaaa : kTypeA)) continue;
        std::array<char, sizeof(in6_addr)> bytes{};
        if (::inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1) continue;
        append_u16(records, 0xC000 + kHeaderBytes);  // the name of the question (section 4.1.4)
        append_u16(records, type);
        append_u16(records, 1);  // of class IN
        append_u16(records, 0);  // not to be kept,
        append_u16(records, 0);  // in 32 bits
        const std::size_t size = v6 ? sizeof(in6_addr) : sizeof(in_addr);
        append_u16(records, size);
        records.append(bytes.data(), size);
        ++count;
    }
    std::string message = question.substr(0, 2);
    append_u16(message, 0x8180 + static_cast<std::size_t>(answer.code));  // an answer, by a recursive server
    append_u16(message, 1);
    append_u16(message, count);
    append_u16(message, 0);
    append_u16(message, 0);
    return message + question.substr(kHeaderBytes, at + 4 - kHeaderBytes) + records;
}

}  // namespace narrowgate::fakes
