// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/scrubber.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::string_view kRemoved = "[removed]";
constexpr std::size_t kLeastSecret = 8;
constexpr std::size_t kHexRun = 24;     // the digits of the shortest key that is worth one: 96 bits
constexpr std::size_t kBase64Run = 22;  // of 16 bytes, without its "=="
constexpr std::array<std::string_view, 7> kTelling = {"password", "passwd",  "secret", "token",
                                                      "psk",      "private", "api_key"};

bool is_alnum(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}
bool is_space(char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
}
bool is_hex(char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_base64(char c) {
    return is_alnum(c) || c == '+' || c == '/';
}
// RFC 4648 section 5.
bool is_base64_of_urls(char c) {
    return is_alnum(c) || c == '-' || c == '_';
}
// Of a device's name or an identity, as most are.
bool is_of_word(char c) {
    return is_alnum(c) || std::string_view("_.:@#+-").find(c) != std::string_view::npos;
}

std::string base64(ByteView bytes) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t left = std::min<std::size_t>(bytes.size() - at, 3);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < left ? bytes[at + i] : 0U);
        for (std::size_t i = 0; i <= left; ++i)
            text += kDigits[group >> (18 - 6 * i) & 0x3f];
    }
    return text;  // what "=" fills up says nothing
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
}

void remove_private_keys(std::string& text) {
    constexpr std::string_view kBegin = "-----BEGIN ";
    constexpr std::string_view kEnd = "-----END ";
    for (std::size_t at = 0; (at = text.find(kBegin, at)) != std::string::npos;) {
        const std::size_t label_end = text.find("-----", at + kBegin.size());
        const std::string_view label =
            std::string_view(text).substr(at, std::min(label_end, text.size()) - at);
        if (label.find("PRIVATE KEY") == std::string_view::npos) {
            at += kBegin.size();
            continue;
        }
        std::size_t end = text.find(kEnd, at);
        end = end == std::string::npos ? text.size() : std::min(text.find('\n', end), text.size());
        text.replace(at, end - at, kRemoved);
        at += kRemoved.size();
    }
}

// From `at`, behind a name: the value that is assigned to it; begin and end are the same when there is none.
std::pair<std::size_t, std::size_t> value_behind(std::string_view text, std::size_t at) {
    while (at < text.size() && (text[at] == '"' || text[at] == '\'' || text[at] == ' '))
        ++at;
    if (at >= text.size() || (text[at] != '=' && text[at] != ':')) return {at, at};
    ++at;
    while (at < text.size() && text[at] == ' ')
        ++at;
    if (at >= text.size()) return {at, at};
    if (text[at] == '"' || text[at] == '\'') {
        const std::size_t end = text.find_first_of(std::string{text[at], '\n'}, at + 1);
        return {at + 1, std::min(end, text.size())};
    }
    const auto end = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(),
                                  [](char c) { return is_space(c) || c == ',' || c == '}' || c == ']'; });
    return {at, static_cast<std::size_t>(end - text.begin())};
}

void remove_assigned(std::string& text) {
    std::string lower = text;
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    std::vector<std::pair<std::size_t, std::size_t>> values;
    for (const std::string_view word : kTelling) {
        for (std::size_t at = 0; (at = lower.find(word, at)) != std::string::npos;) {
            std::size_t end = at + word.size();
            while (end < lower.size() && (is_alnum(lower[end]) || lower[end] == '_'))
                ++end;
            const std::string_view name = std::string_view(lower).substr(at, end - at);
            at = end;
            if (name.ends_with("_file") || name.ends_with("_path") || name.ends_with("_directory")) continue;
            const auto value = value_behind(text, end);
            if (value.first < value.second) values.push_back(value);
        }
    }
    std::ranges::sort(values, std::greater{});
    std::size_t before = std::string::npos;
    for (const auto& [begin, end] : values) {
        if (end > before) continue;  // within one that is gone
        text.replace(begin, end - begin, kRemoved);
        before = begin;
    }
}

void remove_user_of_urls(std::string& text) {
    for (std::size_t at = 0; (at = text.find("://", at)) != std::string::npos;) {
        at += 3;
        const std::size_t end = text.find_first_of("/ \t\r\n\"'<>", at);
        const std::size_t user_end = text.substr(at, std::min(end, text.size()) - at).rfind('@');
        if (user_end == std::string::npos) continue;
        text.replace(at, user_end, kRemoved);
    }
}

// The text with what `instead(run, rest)` gives in place of each longest run of characters that `is_part`;
// `rest` is what follows the run.
template <class IsPart, class Instead>
std::string with_runs_replaced(std::string_view text, IsPart is_part, Instead instead) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto end = std::ranges::find_if_not(text, is_part);
        const auto length = static_cast<std::size_t>(end - text.begin());
        if (length == 0) {
            out += text.front();
            text.remove_prefix(1);
            continue;
        }
        out += instead(text.substr(0, length), text.substr(length));
        text.remove_prefix(length);
    }
    return out;
}

// Runs of which `looks` says that they may be a secret.
template <class IsPart, class Looks>
std::string without_runs(std::string_view text, IsPart is_part, Looks looks) {
    return with_runs_replaced(text, is_part, [&](std::string_view run, std::string_view rest) {
        // As base64 ends, and not "Name=Value".
        const bool filled = rest.starts_with('=') && (rest.size() == 1 || !is_base64(rest[1]));
        return looks(run, filled) ? kRemoved : run;
    });
}

bool looks_random(std::string_view run, bool filled, std::size_t least) {
    if (run.size() < least) return false;
    const auto any = [&](auto is) {
        return std::ranges::any_of(run, [&](char c) { return is(static_cast<unsigned char>(c)) != 0; });
    };
    return any([](int c) { return std::isupper(c); }) && any([](int c) { return std::islower(c); }) &&
           (filled || any([](int c) { return std::isdigit(c); }));
}

}  // namespace

Scrubber::Scrubber() {
    std::array<std::uint8_t, 32> key{};
    crypto::fill_random(key);
    key_ = Secret(key);
}

void Scrubber::add_secret(ByteView secret) {
    if (secret.size() < kLeastSecret) return;
    const std::string hex = to_hex(secret);
    std::string upper = hex;
    std::ranges::transform(upper, upper.begin(), [](char c) {
        return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    const std::string packed = base64(secret);
    std::string of_urls = packed;
    std::ranges::replace(of_urls, '+', '-');
    std::ranges::replace(of_urls, '/', '_');
    needles_.emplace_back(secret);
    for (const std::string& text : {hex, upper, packed, of_urls})
        needles_.emplace_back(bytes_of(text));
}

void Scrubber::add_secret_text(std::string_view text) {
    add_secret(bytes_of(text));
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        while (!line.empty() && is_space(line.back()))
            line.remove_suffix(1);
        if (line.starts_with("-----")) continue;
        add_secret(bytes_of(line));
        if (const auto bytes = from_hex(line)) add_secret(*bytes);
    }
}

void Scrubber::add_name(std::string_view name) {
    if (name.empty()) return;
    if (std::ranges::all_of(name, is_of_word)) {
        names_.emplace(name);
    } else if (std::ranges::find(odd_names_, name) == odd_names_.end()) {
        odd_names_.emplace_back(name);
    }
}

std::string Scrubber::other_name(std::string_view name) const {
    const auto digest = crypto::hmac_sha256(key_.view(), bytes_of(name));
    return "device-" + to_hex(ByteView(digest).first(5));
}

std::string Scrubber::scrub(std::string text, bool with_digests) const {
    for (const Secret& needle : needles_)
        replace_all(text, text_of(needle.view()), kRemoved);
    remove_private_keys(text);
    remove_user_of_urls(text);
    remove_assigned(text);
    if (!with_digests)
        text = without_runs(text, is_hex, [](std::string_view run, bool) { return run.size() >= kHexRun; });
    text = without_runs(text, is_base64, [](std::string_view run, bool filled) {
        return looks_random(run, filled, kBase64Run);
    });
    text = without_runs(text, is_base64_of_urls, [](std::string_view run, bool filled) {
        return looks_random(run, filled, 2 * kBase64Run - 2);
    });
    return with_other_names(text);
}

std::string Scrubber::with_other_names(std::string_view text) const {
    std::string out = with_runs_replaced(text, is_of_word, [&](std::string_view run, std::string_view) {
        // "device wm-0001: …", "… of wm-0001."
        std::string word(run);
        while (!word.empty() && !names_.contains(word) && std::string_view(".:#").contains(word.back()))
            word.pop_back();
        const std::string_view behind = run.substr(word.size());
        return (names_.contains(word) ? other_name(word) : word).append(behind);
    });
    for (const std::string& name : odd_names_)
        replace_all(out, name, other_name(name));
    return out;
}

}  // namespace narrowgate::daemon
