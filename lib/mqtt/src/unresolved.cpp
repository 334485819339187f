// SPDX-License-Identifier: Apache-2.0
#include "unresolved.hpp"

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <resolv.h>

#include <array>
#include <cstdint>
#include <optional>

namespace narrowgate::mqtt {
namespace {

// RFC 1035 section 4.1.1: the third byte begins with QR, set in answers; the fourth ends with RCODE.
constexpr std::size_t kAnswerByte = 2;
constexpr std::uint8_t kAnswerBit = 0x80;
constexpr std::size_t kCodeByte = 3;
constexpr std::uint8_t kCodeMask = 0x0F;

// The code of an answer to the name; nothing where none came.
std::optional<int> code_for(const std::string& host) {
    struct __res_state state{};
    if (::res_ninit(&state) != 0) return std::nullopt;
    state.retrans = 1;
    state.retry = 1;
    std::array<std::uint8_t, NS_PACKETSZ> answer{};
    // Fails for each code but NOERROR, and leaves the answer there.
    (void)::res_nquery(&state, host.c_str(), ns_c_in, ns_t_a, answer.data(), static_cast<int>(answer.size()));
    ::res_nclose(&state);
    if ((answer[kAnswerByte] & kAnswerBit) == 0) return std::nullopt;
    return answer[kCodeByte] & kCodeMask;
}

LookUpError error_of(TraceStep::LookUpFailure kind, const std::string& host, const char* why,
                     const char* cure) {
    return {kind, {fmt::format("the name {} was not resolved: {}", host, why), cure}};
}

}  // namespace

LookUpError unresolved(const std::string& host) {
    const auto code = code_for(host);
    if (!code) {
        return error_of(TraceStep::kNoAnswer, host, "no name server answered",
                        "check that those in /etc/resolv.conf run, and the way to them (port 53)");
    }
    switch (*code) {
        case ns_r_servfail:
            return error_of(TraceStep::kResolverTrouble, host, "the name server answered SERVFAIL",
                            "it cannot reach those who know the name, or their DNSSEC is broken: ask its "
                            "operator, or name another one in /etc/resolv.conf");
        case ns_r_refused:
            return error_of(TraceStep::kResolverTrouble, host, "the name server answered REFUSED",
                            "it does not serve this machine: name another one in /etc/resolv.conf");
        default:
            // It has recovered, or the resolver is not DNS alone (nsswitch.conf).
            return error_of(TraceStep::kResolverTrouble, host, "the resolver failed for the moment",
                            "check this machine's resolver (resolvectl query)");
    }
}

}  // namespace narrowgate::mqtt
