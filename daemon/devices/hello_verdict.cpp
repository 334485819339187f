// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <set>

#include "daemon/devices/device_verdict_parts.hpp"

namespace narrowgate::daemon {
namespace {

Verdict cookie_loop(const DeviceCase& its) {
    std::uint64_t hellos = 0;
    std::uint64_t wrong = 0;
    std::set<Address> from;
    for (const dtls::SeenHellos& seen : its.evidence.hellos) {
        if (seen.unanswered_cookies() == 0) continue;
        hellos += seen.unanswered_cookies();
        wrong += seen.wrong_cookie;
        from.insert(seen.remote);
    }
    if (hellos == 1 && its.evidence.at.steady - its.evidence.hellos.front().last < its.first_wait)
        return in_progress("It was asked for a cookie just now, and may be about to return it.");
    Verdict verdict{.finding = Finding::kCookieLoop};
    verdict.happened = fmt::format(
        "It sent a ClientHello {}, was asked each time to send it again with a cookie "
        "(HelloVerifyRequest), and never did so rightly.",
        times(hellos));
    if (wrong > 0 || from.size() > 1) {
        verdict.happened += fmt::format(
            " They came from {} port{}, {} with a cookie that was made for another "
            "address or is older than two minutes.",
            from.size(), from.size() == 1 ? "" : "s", wrong);
        verdict.cause =
            "its address changes between one datagram and the next: a NAT that gives each a port of its "
            "own, or two ways out of its network";
        verdict.cure =
            "a NAT rule or an APN that keeps the port for a minute; or let it wait less between its "
            "ClientHellos";
        return verdict;
    }
    verdict.cause =
        "the HelloVerifyRequest (36 bytes) does not reach it: a firewall or NAT that lets nothing back, "
        "a radio that sleeps before the answer comes, a modem that passes nothing up; or its DTLS stack "
        "was built without cookies. Or somebody forges its address";
    verdict.cure =
        "look on the node or its modem whether the 36 bytes arrive; open the way back for UDP; keep the "
        "radio awake until the handshake is done (no release assistance, PSM or eDRX meanwhile)";
    return verdict;
}

Verdict fragmented(const dtls::SeenHellos& seen) {
    return {
        .finding = Finding::kFragmentedHello,
        .happened =
            fmt::format("It sent its ClientHello in fragments, {} so far: {} bytes of a message of {}, in "
                        "a datagram of {}. No server that answers strangers without memory can put them "
                        "together (RFC 6347 section 4.2.1).",
                        seen.fragmented, seen.fragment_bytes, seen.message_bytes, seen.datagram_bytes),
        .cause =
            "a ClientHello with many cipher suites and extensions, on a stack that was told of a small MTU",
        .cure =
            "offer one PSK suite and no extension that is not needed: it then has about 100 bytes; or give "
            "the stack an MTU that a whole ClientHello fits"};
}

Verdict not_admitted(const dtls::SeenHellos& seen) {
    if (seen.last_fate == dtls::Fate::kHandshakeShed) {
        return {.finding = Finding::kNotAdmitted,
                .happened =
                    fmt::format("It returned its cookie, and was not let in {}: as many handshakes were in "
                                "progress as the gateway allows.",
                                times(seen.shed)),
                .cause = "a whole site that comes back, or handshakes that lie about unfinished",
                .cure = "nothing, if it gets in by its own repetitions; else narrowgate status (handshakes)"};
    }
    return {
        .finding = Finding::kNotAdmitted,
        .happened =
            fmt::format("It returned its cookie, and its handshake was put off {}. The gateway is silent "
                        "then, and the node's own timer asks again.",
                        times(seen.not_admitted)),
        .cause =
            "many nodes come back at once (dtls.handshakes_per_second), or too many handshakes from its "
            "address have failed, as behind a NAT with others whose keys are wrong",
        .cure =
            "nothing, if it gets in within minutes; else diagnose its address without a port to see whose "
            "handshakes fail there, and see \"A storm\" in docs/operating.md"};
}

}  // namespace

Verdict judge_hellos(const DeviceCase& its) {
    const dtls::SeenHellos& newest = its.evidence.hellos.front();
    switch (newest.last_fate) {
        case dtls::Fate::kFragmentedHello:
            return fragmented(newest);
        case dtls::Fate::kHandshakeNotAdmitted:
        case dtls::Fate::kHandshakeShed:
            return not_admitted(newest);
        case dtls::Fate::kHelloVerify:
            return cookie_loop(its);
        default:
            break;
    }
    return {.finding = Finding::kMalformedHello,
            .happened = fmt::format(
                "It sent {} ClientHello{} that contradict{} DTLS 1.2: of another version, or with "
                "lengths that do not fit.",
                newest.malformed, newest.malformed == 1 ? "" : "s", newest.malformed == 1 ? "s" : ""),
            .cause = "a stack that speaks DTLS 1.0 or TLS only, or a modem that cuts datagrams short",
            .cure = "let it speak DTLS 1.2 (RFC 6347); compare the size that it sends with the size above"};
}

}  // namespace narrowgate::daemon
