// SPDX-License-Identifier: Apache-2.0
#include "json_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "json_text.hpp"

namespace narrowgate::payload {
namespace {

using nlohmann::json;

// Counts what the parser meets. The parser keeps its own stack on the heap, so depth is a matter of bounds
// here.
class Counter final : public json::json_sax_t {
public:
    explicit Counter(const Limits& limits) : limits_(limits) {}

    bool null() override { return count(); }
    bool boolean(bool) override { return count(); }
    bool number_integer(json::number_integer_t) override { return count(); }
    bool number_unsigned(json::number_unsigned_t) override { return count(); }
    bool number_float(json::number_float_t, const json::string_t&) override { return count(); }
    bool string(json::string_t&) override { return count(); }
    bool binary(json::binary_t&) override { return count(); }
    bool key(json::string_t&) override { return count(); }
    bool start_object(std::size_t) override { return open(); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(); }
    bool end_array() override { return close(); }

    bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
        reason_ = json_fault(position);
        return false;
    }

    const std::string& reason() const { return reason_; }

private:
    bool count() {
        if (++items_ <= limits_.max_items) return true;
        reason_ = fmt::format("more than {} items", limits_.max_items);
        return false;
    }
    bool open() {
        if (++depth_ <= limits_.max_depth) return count();
        reason_ = fmt::format("nested deeper than {}", limits_.max_depth);
        return false;
    }
    bool close() {
        --depth_;
        return true;
    }

    const Limits& limits_;
    std::size_t items_ = 0;
    std::size_t depth_ = 0;
    std::string reason_;
};

}  // namespace

std::string json_fault(std::size_t position) {
    return fmt::format("not JSON at byte {}", position);
}

std::optional<std::string> refuse_json_bytes(ByteView payload) {
    if (text_of(payload).starts_with("\xEF\xBB\xBF")) return "JSON with a byte order mark";
    const auto zero = std::ranges::find(payload, 0);
    if (zero != payload.end()) return json_fault(static_cast<std::size_t>(zero - payload.begin()) + 1);
    return std::nullopt;
}

std::optional<std::string> convert_json(ByteView payload, const Limits& limits, std::string& out) {
    if (auto reason = refuse_json_bytes(payload)) return reason;
    Counter counter(limits);
    if (!json::sax_parse(payload.begin(), payload.end(), &counter)) return counter.reason();
    append_compact_json(out, text_of(payload));
    return std::nullopt;
}

}  // namespace narrowgate::payload
