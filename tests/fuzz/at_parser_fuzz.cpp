// SPDX-License-Identifier: Apache-2.0
//
// What a modem says, on a line that loses and invents bytes, read by the node's AT parser. Reached: every
// line form, the data that go to a sink, and the fields that the driver reads of each line. The first byte of
// the input says what was asked. Held: nothing is read or written outside its buffers (the sanitizers look
// on), no line grows past its buffer, and how the bytes are cut into pieces makes no difference.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "at/at.h"

namespace {

struct Heard {
    std::vector<std::string> lines;
    std::int64_t sum = 0;
};

bool read_line(void* context, const char* line) {
    auto& heard = *static_cast<Heard*>(context);
    heard.lines.emplace_back(line);
    if (heard.lines.back().size() >= AT_LINE_BYTES) std::abort();
    for (const char* prefix : {static_cast<const char*>(nullptr), "+NSONMI", "+CEREG"}) {
        if (prefix != nullptr && !at_has_prefix(line, prefix)) continue;
        at_fields fields = at_fields_of(line, prefix);
        for (int i = 0; i < 8 && at_more(&fields); ++i) {
            std::array<char, 16> text;
            if (i % 3 == 0) heard.sum += at_integer(&fields);
            if (i % 3 == 1) at_string(&fields, text.data(), text.size());
            if (i % 3 == 2) heard.sum += at_integer_or(&fields, 1);
        }
    }
    return heard.lines.size() % 3 != 0;
}

void read_news(void* context, int id, const char* line) {
    static_cast<Heard*>(context)->sum += id;
    read_line(context, line);
}

struct Outcome {
    Heard heard;
    at_result result;
    std::vector<std::uint8_t> data;
    bool operator==(const Outcome& other) const {
        return heard.lines == other.heard.lines && heard.sum == other.heard.sum && result == other.result &&
               data == other.data;
    }
};

Outcome run(const std::uint8_t* bytes, std::size_t size, std::size_t piece) {
    static constexpr std::array<at_unsolicited, 3> kTable = {
        {{"+NSONMI", false, 1}, {"+CEREG", false, 2}, {"REBOOT", true, 3}}};
    static constexpr std::array<const char*, 4> kPrefixes = {nullptr, "+CEREG", "", "NUESTATS"};
    Outcome outcome{};
    std::array<std::uint8_t, 20> sink{};
    const at_listener listener{&outcome.heard, read_line, read_news, kTable.data(), kTable.size()};
    at_client parser;
    at_init(&parser, &listener);
    at_command command{};
    command.text = "AT";
    command.prefix = kPrefixes[bytes[0] % kPrefixes.size()];
    command.hex_field = (bytes[0] & 4) != 0 ? std::uint8_t{4} : std::uint8_t{AT_NO_FIELD};
    command.sink = sink.data();
    command.sink_capacity = sink.size();
    command.timeout_ms = 1'000;
    at_begin(&parser, &command);
    std::array<char, 8> out;
    at_pull(&parser, out.data(), out.size(), 0);
    for (std::size_t at = 1; at < size; at += piece)
        at_feed(&parser, bytes + at, std::min(piece, size - at));
    if (parser.sink_size > sink.size()) std::abort();
    outcome.result = parser.result;
    outcome.data.assign(sink.begin(), sink.begin() + static_cast<std::ptrdiff_t>(parser.sink_size));
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    if (!(run(data, size, 1) == run(data, size, size))) std::abort();
    return 0;
}
