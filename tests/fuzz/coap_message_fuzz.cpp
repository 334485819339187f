// SPDX-License-Identifier: Apache-2.0
//
// Why: a node that has its key, or whoever stole one, can put any bytes into a record, in any order and at
// any time; the fuzzer of raw datagrams never gets past the record's authentication to try that. Reaches:
// codec, options, exchanges, routing, upload in blocks, slicing and responses, over a sequence of messages on
// three sessions, with commits that hold, fail or never end, clocks that move and restarts. It checks what
// must always hold: whatever we send is a message and fits, and the tables keep their limits.
//
// Input: a sequence of [control byte][length byte][message].
#include <algorithm>
#include <cstdlib>
#include <optional>

#include "narrowgate/coap/block_uploads.hpp"
#include "narrowgate/coap/link_format.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "narrowgate/coap/router.hpp"

namespace narrowgate::coap {
namespace {

constexpr std::size_t kRoom = 200;  // bytes a datagram; small, so that answers need blocks
constexpr std::size_t kMaxPayload = 2'000;
constexpr ExchangeLimits kExchangeLimits{
    .max_exchanges = 6, .max_exchanges_per_session = 3, .max_reply_bytes = 400};
constexpr UploadLimits kUploadLimits{.max_uploads = 3, .max_uploads_per_session = 2, .max_bytes = 4'000};

void require(bool held) {
    if (!held) std::abort();
}

enum Resource : ResourceHandle { kTelemetry, kTime, kList, kTree };

class Server {
public:
    Server() {
        const auto add = [this](std::string_view pattern, Methods methods, ResourceHandle resource) {
            router_.add(PathPattern::parse(pattern).value(), methods, resource);
        };
        add("telemetry", {Code::kPost, Code::kPut}, kTelemetry);
        add("time", {Code::kGet}, kTime);
        add(kWellKnownCore, {Code::kGet}, kList);
        add("t/*/x", {Code::kPost}, kTree);
        add("t/**", {Code::kPut}, kTree);
        links_.assign(40, Link{.path = "telemetry", .content_formats = {110, 112}, .resource_type = "t"});
    }

    void receive(std::uint8_t control, ByteView datagram) {
        const SessionId session = control & 3;
        now_.steady += seconds(control & 0x20);
        now_.wall += seconds(control & 0x20);
        if (session == 3) return disturb(control);
        const MessageOptions options{.split_uri_path = (control & 4) != 0};
        const auto verdict = layer_->receive(session, datagram, options, now_);
        if (const auto* reply = std::get_if<Reply>(&verdict)) {
            check(reply->bytes);
        } else if (const auto* request = std::get_if<Request>(&verdict)) {
            answer(*request, control);
        }
        require(layer_->exchanges().size() <= kExchangeLimits.max_exchanges);
        require(layer_->exchanges().reply_bytes() <= kExchangeLimits.max_reply_bytes + kRoom);
        require(uploads_.size() <= kUploadLimits.max_uploads);
    }

private:
    // What is not a message: an end of a session, a restart with what a commit had kept.
    void disturb(std::uint8_t control) {
        layer_->forget(control >> 6);
        uploads_.forget(control >> 6);
        if ((control & 8) == 0) return;
        layer_.emplace(kExchangeLimits);
        if (!kept_) return;
        layer_->restore(kept_->session, kept_->mid, kept_reply_, kept_->remembered_until, now_);
    }

    void answer(const Request& request, std::uint8_t control) {
        require(request.path.text().find('#') == std::string::npos);
        const auto resource = router_.find(request.path, request.method);
        const auto reply =
            resource ? serve(request, *resource) : respond(request.asked, refusal(resource.error()));
        if (!reply.empty()) check(reply);
        switch (control >> 6) {
            case 0:
                layer_->abandon(request.asked);
                break;
            case 1:
                break;  // the commit is still under way
            default:
                layer_->complete(request.asked, reply);
                uploads_.release(upload_);
                kept_ = request.asked;
                kept_reply_ = reply;
        }
    }

    Bytes serve(const Request& request, ResourceHandle resource) {
        if (resource == kList || resource == kTime) {
            const auto text = resource == kList ? to_link_format(links_) : std::string("1767225600");
            const auto piece = slice(bytes_of(text), request.block2, kRoom);
            if (!piece) return respond(request.asked, refusal(piece.error()));
            return respond(request.asked, {.code = Code::kContent,
                                           .content_format = content_format::kLinkFormat,
                                           .size2 = piece->size2,
                                           .block2 = piece->block2,
                                           .etag = etag_of(bytes_of(text)),
                                           .payload = piece->payload});
        }
        if (!request.block1) return respond(request.asked, {.code = Code::kChanged});
        const auto outcome = uploads_.receive(request, kMaxPayload, kRoom, now_);
        if (const auto* more = std::get_if<BlockUploads::Continue>(&outcome)) {
            return respond(request.asked, {.code = Code::kContinue, .block1 = more->block1});
        }
        if (const auto* complete = std::get_if<BlockUploads::Complete>(&outcome)) {
            require(complete->body.size() <= kMaxPayload);
            upload_ = complete->upload;
            return respond(request.asked, {.code = Code::kChanged, .block1 = complete->block1});
        }
        const auto& refused = std::get<BlockUploads::Refused>(outcome);
        auto response = refusal(refused.code);
        response.block1 = refused.block1;
        response.size1 = refused.size1;
        return respond(request.asked, response);
    }

    static void check(const Bytes& datagram) {
        require(datagram.size() <= kRoom);
        require(decode(datagram).has_value());
    }

    std::optional<MessageLayer> layer_{kExchangeLimits};
    Router router_;
    BlockUploads uploads_{kUploadLimits};
    std::vector<Link> links_;
    BlockUploads::UploadId upload_ = 0;
    std::optional<Asked> kept_;
    Bytes kept_reply_;
    Now now_{SteadyTime(seconds(3'600)), WallTime(seconds(1'767'225'600))};
};

}  // namespace
}  // namespace narrowgate::coap

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    narrowgate::coap::Server server;
    narrowgate::ByteReader input(narrowgate::ByteView(data, size));
    while (input.remaining() > 0) {
        const auto control = input.u8();
        const std::size_t length = input.u8();
        // A length past the end takes what there is: a mutation should cost a message, not the rest.
        server.receive(control, input.take(std::min(length, input.remaining())));
    }
    return 0;
}
