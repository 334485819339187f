// SPDX-License-Identifier: Apache-2.0
#include "resolver.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

#include "unresolved.hpp"

namespace narrowgate::mqtt {
namespace {

struct FreeAddresses {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::vector<Address> families_alternating(const std::vector<Address>& sorted) {
    std::vector<Address> first;
    std::vector<Address> other;
    for (const Address& address : sorted) {
        (address.is_v4() == sorted.front().is_v4() ? first : other).push_back(address);
    }
    std::vector<Address> mixed;
    for (std::size_t i = 0; i < first.size() || i < other.size(); ++i) {
        if (i < first.size()) mixed.push_back(first[i]);
        if (i < other.size()) mixed.push_back(other[i]);
    }
    return mixed;
}

std::unexpected<LookUpError> failed(TraceStep::LookUpFailure kind, std::string what, std::string cure) {
    return std::unexpected(LookUpError{kind, {std::move(what), std::move(cure)}});
}

std::unexpected<LookUpError> has_no_address(const std::string& host) {
    return failed(
        TraceStep::kNoSuchName,
        fmt::format("the name {} exists, and has no address that this machine can use", host),
        "add one to the DNS, of a family (IPv4, IPv6) that this machine has too, or correct the host "
        "in url");
}

LookUpResult look_up(const Endpoint& endpoint) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* raw = nullptr;
    const int result =
        ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &raw);
    const int error_number = errno;
    const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
    if (result != 0) {
        switch (result) {
            case EAI_NONAME:
                return failed(TraceStep::kNoSuchName,
                              fmt::format("the name {} does not exist", endpoint.host),
                              "correct the host in url, or add it to the DNS");
            case EAI_NODATA:
            case EAI_ADDRFAMILY:
                return has_no_address(endpoint.host);
            case EAI_AGAIN:
                return std::unexpected(unresolved(endpoint.host));
            default:
                return failed(TraceStep::kResolverTrouble,
                              fmt::format("the name {} was not resolved: {}", endpoint.host,
                                          result == EAI_SYSTEM ? system_message(error_number)
                                                               : std::string(::gai_strerror(result))),
                              "check this machine's resolver (resolvectl query)");
        }
    }
    std::vector<Address> addresses;
    for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
        sockaddr_storage storage{};
        if (entry->ai_addrlen > sizeof storage) continue;
        std::memcpy(&storage, entry->ai_addr, entry->ai_addrlen);
        if (const auto address = Address::from_sockaddr(storage)) addresses.push_back(*address);
    }
    if (addresses.empty()) return has_no_address(endpoint.host);
    return families_alternating(addresses);
}

}  // namespace

// Shared with the thread of the look-up; `owner` is null once nobody waits.
struct Resolver::LookUp {
    Endpoint endpoint;
    std::mutex mutex;
    Resolver* owner = nullptr;
};

void Resolver::resolve(const Endpoint& endpoint, Done done) {
    wanted_ = endpoint;
    done_ = std::move(done);
    if (!running_) start(endpoint);
}

void Resolver::start(const Endpoint& endpoint) {
    auto look_up_state = std::make_shared<LookUp>();
    look_up_state->endpoint = endpoint;
    look_up_state->owner = this;
    try {
        std::thread([look_up_state] {
            auto result = look_up(look_up_state->endpoint);
            // Under the lock the owner, and with it the loop, cannot go away.
            const std::scoped_lock lock(look_up_state->mutex);
            Resolver* const owner = look_up_state->owner;
            if (owner == nullptr) return;
            (void)owner->loop_.post([look_up_state, moved = std::move(result)]() mutable {
                if (look_up_state->owner != nullptr) look_up_state->owner->finished(std::move(moved));
            });
        }).detach();
        running_ = std::move(look_up_state);
    } catch (const std::system_error& error) {
        finished(failed(TraceStep::kResolverTrouble,
                        fmt::format("no thread to look {} up with: {}", endpoint.host, error.what()),
                        "raise the limit of tasks (TasksMax of the unit)"));
    }
}

void Resolver::finished(LookUpResult result) {
    const bool is_wanted =
        !running_ || (running_->endpoint.host == wanted_.host && running_->endpoint.port == wanted_.port);
    running_.reset();
    if (!done_) return;
    if (!is_wanted) {
        start(wanted_);
        return;
    }
    const Done done = std::exchange(done_, nullptr);
    done(std::move(result));
}

void Resolver::abandon() {
    if (!running_) return;
    const std::scoped_lock lock(running_->mutex);
    running_->owner = nullptr;
}

}  // namespace narrowgate::mqtt
