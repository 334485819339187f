// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/upstream/dialogue.hpp"
#include "daemon/upstream/pelion_nodes.hpp"
#include "daemon/upstream/pelion_translator.hpp"
#include "daemon/upstream/rendered.hpp"

namespace narrowgate::daemon {
namespace {

using State = PelionNodes::Node::State;

class PelionProfile final : public Profile, public Dialogue {
public:
    PelionProfile(const PelionOptions& options, std::string requests)
        : options_(options),
          translator_(std::move(requests), options.answer_timeout, options.probe_interval),
          nodes_(options.max_nodes, options.answer_timeout) {}

    Dialogue* dialogue() override { return this; }
    // A value has no time there: an old one after a new one would be the newest.
    bool in_order() const override { return true; }

    Parcel next(std::span<const Reading> waiting, const Routes& routes, WallTime) override {
        const Reading& first = waiting.front();
        if (routes.find(first.fleet, first.resource) == nullptr) {
            return {.places = {0},
                    .reason = fmt::format("fleet {} has no route of {} to this upstream any more",
                                          first.fleet, first.resource)};
        }
        const auto records = payload::records_of(rendered(first));
        const IpsoMapping& mapping = routes.mapping(first.fleet);
        if (!records || !mapping.maps_any(*records)) {
            unmapped_ += records ? std::max<std::size_t>(records->size(), 1) : 1;
            return {.places = {0}, .unwanted = true};
        }
        const std::string name = pelion_name(first.device);
        PelionNodes::Node* node = nodes_.find_or_add(name);
        if (node == nullptr) {
            return {.places = {0},
                    .reason = fmt::format("node {} is beyond the {} that Edge registers (max_nodes)",
                                          first.device, options_.max_nodes)};
        }
        if (!node->is_free()) return held(waiting, name, *node);
        return message(waiting, *records, mapping, name, *node);
    }

    std::vector<mqtt::Subscription> subscriptions() const override {
        return {{.filter = std::string(kRequestTopic)},
                {.filter = std::string(kTranslatorTopic)},
                {.filter = std::string(kNodeTopic)}};
    }
    void connected(const Now& now) override { translator_.connected(now.steady); }
    void disconnected() override { translator_.disconnected(); }

    void heard(const mqtt::Message& message, const Now& now) override {
        const auto answer = answer_of(message);
        if (!answer) return;
        if (answer->kind == TranslatorAnswer::Kind::kNodeRegistered) {
            nodes_.registered(answer->node);
        } else if (answer->kind == TranslatorAnswer::Kind::kNodeFailed) {
            nodes_.failed(answer->node, now.steady);
        } else {
            now_ = now.steady;
            tell(translator_.heard(*answer, now_));
        }
    }

    void turn(const Now& now) override {
        now_ = now.steady;
        tell(translator_.turn(now_));
        // Without a translator no node can be answered: its time does not run.
        if (translator_.is_ready() && nodes_.turn(now_, translator_.last_answer(), translator_.saw_start())) {
            translator_.probe(now_);
        }
    }

    std::optional<mqtt::Publish> next_control() override {
        if (const auto request = translator_.next_request()) return start_message(*request);
        if (!translator_.is_ready()) return std::nullopt;
        const auto name = nodes_.next_repeat();
        if (!name) return std::nullopt;
        PelionNodes::Node& node = *nodes_.find(*name);
        nodes_.sent(*name, node, now_);
        return value_message(options_.form, options_.gateway_id, *name, node.newest);
    }

    std::vector<ReadingNumber> released() override { return nodes_.released(); }
    bool takes_readings() const override { return translator_.is_ready(); }

    std::optional<SteadyTime> deadline() const override {
        auto first = translator_.deadline();
        if (!translator_.is_ready()) return first;
        const auto node = nodes_.deadline();
        if (node) first = first ? std::min(*first, *node) : *node;
        return first;
    }

    void report(UpstreamState& state) const override {
        state.translator = {.used = true,
                            .ready = translator_.is_ready(),
                            .starts = translator_.starts(),
                            .nodes = nodes_.count(),
                            .registered = nodes_.count_of(State::kRegistered),
                            .asked = nodes_.count_of(State::kAsked),
                            .failed = nodes_.count_of(State::kFailed),
                            .turned_away = nodes_.turned_away(),
                            .held = nodes_.held(),
                            .unmapped = unmapped_};
        if (!state.connected || translator_.is_ready()) return;
        state.paused = true;
        if (state.trouble.empty()) state.trouble = translator_.trouble();
    }

private:
    void tell(PelionTranslator::News news) {
        switch (news) {
            case PelionTranslator::News::kFresh:
                nodes_.forget_registrations();
                break;
            case PelionTranslator::News::kBack:
                nodes_.repeat_all(now_);
                break;
            case PelionTranslator::News::kGone:
            case PelionTranslator::News::kNone:
                break;
        }
    }

    // Everything in sight of a node that waits. They come back when it waits no more.
    Parcel held(std::span<const Reading> waiting, const std::string& name, PelionNodes::Node& node) {
        if (nodes_.held() >= PelionNodes::kMaxHeld) {
            return {
                .places = {0},
                .reason = fmt::format("node {} is not registered at Edge, and {} readings of such nodes wait",
                                      name, nodes_.held())};
        }
        Parcel parcel{.hold = true};
        const std::string& device = waiting.front().device;
        for (std::size_t place = 0; place < waiting.size(); ++place) {
            if (waiting[place].device != device) continue;
            if (!nodes_.hold(node, waiting[place].number)) break;
            parcel.places.push_back(place);
        }
        return parcel;
    }

    // The first reading, and those of the same node behind it as long as each sets other resources: every one
    // is sent, in order. To a translator that is new to the node all that is known of it is said.
    Parcel message(std::span<const Reading> waiting, const std::vector<payload::Record>& records,
                   const IpsoMapping& mapping, const std::string& name, PelionNodes::Node& node) {
        Parcel parcel{.places = {0}};
        const Reading& first = waiting.front();
        MappedReading mapped = mapping.apply(records, node.instances);
        unmapped_ += mapped.unmapped;
        if (mapped.values.empty()) {
            parcel.unwanted = true;
            return parcel;
        }
        ReadingNumber last = first.number;
        ResourceValues values = std::move(mapped.values);
        for (std::size_t place = 1; place < waiting.size() && node.state != State::kNew; ++place) {
            const Reading& other = waiting[place];
            if (other.device != first.device) continue;
            if (other.fleet != first.fleet || other.resource != first.resource) break;
            const auto more = payload::records_of(rendered(other));
            if (!more) break;
            MappedReading also = mapping.apply(*more, node.instances);
            const bool meets = std::ranges::any_of(
                also.values, [&](const auto& value) { return values.contains(value.first); });
            if (also.values.empty() || meets || values.size() + also.values.size() > kMaxNodeResources) break;
            unmapped_ += also.unmapped;
            values.merge(also.values);
            parcel.places.push_back(place);
            last = other.number;
        }
        // One that had to be sent again may be older than what was said since; then that is said once more.
        const bool is_newest = last >= node.newest_from;
        for (const auto& [path, value] : values) {
            if (is_newest || !node.newest.contains(path)) node.newest[path] = value;
        }
        node.newest_from = std::max(node.newest_from, last);
        if (node.state == State::kNew) {
            ResourceValues all = values;
            all.insert(node.newest.begin(), node.newest.end());
            values = std::move(all);
        }
        parcel.publish = value_message(options_.form, options_.gateway_id, name, values);
        nodes_.sent(name, node, now_);
        if (!is_newest && node.state == State::kRegistered) nodes_.repeat(name, node);
        return parcel;
    }

    const PelionOptions options_;
    PelionTranslator translator_;
    PelionNodes nodes_;
    SteadyTime now_{};
    std::uint64_t unmapped_ = 0;  // records
};

}  // namespace

std::unique_ptr<Profile> pelion_profile(const PelionOptions& options, std::string requests) {
    return std::make_unique<PelionProfile>(options, std::move(requests));
}

}  // namespace narrowgate::daemon
