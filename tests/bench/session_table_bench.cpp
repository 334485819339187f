// SPDX-License-Identifier: Apache-2.0
//
// What a sleeping session costs the dtls room: sessions restored into an endpoint, as at a start. Prints the
// resident memory a session, and the longest single call, in which an index may have grown.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "narrowgate/base/crypto.hpp"
#include "narrowgate/dtls/endpoint.hpp"
#include "session_secret.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::size_t kPageBytes = 4096;

class NoCredentials final : public CredentialLookup {
    bool find(ByteView, Credential&) const override { return false; }
};

class Silent final : public Listener {
    void send(const Path&, ByteView) override {}
    bool admits_handshake(const Path&, Now) override { return false; }
    void on_established(const SessionRecord&, std::optional<SessionId>) override {}
    void on_receipt(const Receipt&, ByteView) override {}
    void on_session_ended(SessionId, CredentialId, EndReason) override {}
    void on_handshake_ended(const HandshakeTrace&) override {}
};

std::size_t resident() {
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0, pages = 0;
    statm >> total >> pages;
    return pages * kPageBytes;
}

// CPU time of this thread: a busy machine does not make a call longer.
std::chrono::nanoseconds cpu_time() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

SessionRecord sleeping(std::uint64_t number, const Secret& secret) {
    SessionRecord record;
    record.id = crypto::random_u64() | 1;
    record.credential = number;
    record.cid.resize(6);
    crypto::fill_random(record.cid);
    record.secret = secret.copy();
    record.confirmed = true;
    record.path.local = *Address::from_text("192.0.2.1:5684");
    record.path.remote.ip[15] = static_cast<std::uint8_t>(number);
    record.path.remote.port = static_cast<std::uint16_t>(number >> 8);
    record.right_edge = 100;
    record.window = 1;
    return record;
}

int measure(std::size_t count, bool reserve) {
    const NoCredentials credentials;
    Silent listener;
    EstablishmentOrder order;
    Endpoint endpoint(Options(), credentials, Bytes(32, 7), order, listener);
    Session session;
    session.unconfirmed = std::make_unique<Unconfirmed>();
    const Secret secret = encode_secret(session);
    const Now now{SteadyTime(std::chrono::hours(1000)), WallTime(std::chrono::hours(480'000))};

    const std::size_t before = resident();
    if (reserve) endpoint.reserve(count);
    auto longest = std::chrono::nanoseconds(0);
    const auto start = cpu_time();
    for (std::uint64_t i = 0; i < count; ++i) {
        auto record = sleeping(i, secret);
        const auto begin = cpu_time();
        if (endpoint.restore(std::move(record), now) != Restored::kYes) return EXIT_FAILURE;
        longest = std::max(longest, cpu_time() - begin);
    }
    const std::chrono::duration<double> took = cpu_time() - start;
    const std::chrono::duration<double, std::milli> worst = longest;
    std::printf("%zu sessions, %s: %.1f bytes each, %.2f s of CPU, longest call %.1f ms\n", count,
                reserve ? "reserved" : "growing",
                static_cast<double>(resident() - before) / static_cast<double>(count), took.count(),
                worst.count());
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace narrowgate::dtls

// session_table_bench COUNT [reserved]
int main(int argc, char** argv) {
    const auto count = static_cast<std::size_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000);
    return narrowgate::dtls::measure(count, argc > 2 && std::string_view(argv[2]) == "reserved");
}
