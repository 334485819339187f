// SPDX-License-Identifier: Apache-2.0
//
// Why: the payload is the deepest part of the gateway that a node with a key can reach, and its parsers see
// every byte of it. Reaches: both SenML parsers, the rules, decimal arithmetic, and the CBOR and JSON walks
// behind labels that are not known. Checks: what is refused has a reason fit to send; what is accepted is
// resolved SenML that is accepted again and does not change any more.
//
// Input: a payload, tried as each format.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;

void require(bool holds) {
    if (!holds) std::abort();
}

json render(ContentFormat format, ByteView payload) {
    const Reading reading{.id = "1",
                          .device = "d",
                          .fleet = "f",
                          .resource = "r",
                          .received = WallTime{std::chrono::microseconds{1'772'366'400'000'001}},
                          .content_format = format,
                          .payload = payload};
    return json::parse(render_envelope(reading), nullptr, false);
}

void check(ContentFormat format, ByteView payload) {
    const auto envelope = render(format, payload);
    require(!envelope.is_discarded());
    if (const auto reason = reject_reason(format, payload)) {
        require(!reason->empty() && reason->size() <= kMaxReasonBytes);
        require(std::ranges::all_of(*reason, [](char c) { return c >= 0x20 && c < 0x7F; }));
        return;
    }
    require(envelope.contains("senml") && !envelope["senml"].empty());
    const auto& resolved = envelope["senml"];
    for (const auto& record : resolved) {
        require(record.contains("n") && record.contains("t"));
        require(!record.contains("bn") && !record.contains("bt") && !record.contains("bv"));
        require(record["t"].get<double>() >= 1 << 28);
    }
    require(
        std::ranges::is_sorted(resolved, {}, [](const json& record) { return record["t"].get<double>(); }));
    require(render(kSenmlJson, bytes_of(resolved.dump()))["senml"] == resolved);
}

}  // namespace
}  // namespace narrowgate::payload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const narrowgate::ByteView payload(data, size);
    narrowgate::payload::check(narrowgate::payload::kSenmlCbor, payload);
    narrowgate::payload::check(narrowgate::payload::kSenmlJson, payload);
    return 0;
}
