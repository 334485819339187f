// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_csv.hpp"

#include <fmt/format.h>

#include <expected>
#include <unordered_map>

namespace narrowgate::daemon {
namespace {

constexpr std::string_view kHeading = "identity,fleet,psk_hex";
constexpr std::string_view kHeadingWithName = "identity,fleet,psk_hex,name";
constexpr std::string_view kKeylessHeading = "identity,fleet,name";
constexpr std::size_t kMaxFields = 4;

Error bad_line(std::string what) {
    return {std::move(what), "write identity,fleet,psk_hex[,name]"};
}

// Reads one field from the front of `rest`, and the comma behind it. Nothing when its quotes are wrong.
std::optional<std::string> take_field(std::string_view& rest) {
    std::string field;
    if (!rest.starts_with('"')) {
        const auto comma = rest.find(',');
        field = rest.substr(0, comma);
        rest.remove_prefix(std::min(comma, rest.size()));
        if (field.find('"') != std::string::npos) return std::nullopt;
        return field;
    }
    rest.remove_prefix(1);
    while (true) {
        const auto quote = rest.find('"');
        if (quote == std::string_view::npos) return std::nullopt;
        field += rest.substr(0, quote);
        rest.remove_prefix(quote + 1);
        if (!rest.starts_with('"')) break;
        field += '"';
        rest.remove_prefix(1);
    }
    if (!rest.empty() && !rest.starts_with(',')) return std::nullopt;
    return field;
}

Expected<std::vector<std::string>> fields_of(std::string_view line) {
    std::vector<std::string> fields;
    while (true) {
        auto field = take_field(line);
        if (!field) return std::unexpected(bad_line("a quote is where none may be, or one is missing"));
        fields.push_back(*std::move(field));
        if (line.empty()) return fields;
        if (fields.size() == kMaxFields) return std::unexpected(bad_line("there are more than four fields"));
        line.remove_prefix(1);
    }
}

Expected<store::NewDevice> device_of(std::string_view line) {
    auto fields = fields_of(line);
    if (!fields) return std::unexpected(fields.error());
    if (fields->size() < 3)
        return std::unexpected(
            bad_line(fields->size() == 1 ? "there is one field alone" : "there are two fields alone"));
    store::NewDevice device;
    device.identity = (*fields)[0];
    device.fleet = (*fields)[1];
    if (fields->size() == kMaxFields) device.name = (*fields)[3];
    if (const auto valid = check_identity(device.identity); !valid) return std::unexpected(valid.error());
    if (device.fleet.empty()) return failure("the fleet is empty", "name a fleet of the configuration");
    if (!device.name.empty()) {
        if (const auto valid = check_identity(device.name); !valid)
            return failure("the name: " + valid.error().what, valid.error().cure);
    }
    auto& hex = (*fields)[2];
    auto psk = parse_psk(bytes_of(hex));
    wipe({reinterpret_cast<std::uint8_t*>(hex.data()), hex.size()});
    if (!psk) return std::unexpected(psk.error());
    device.psk = *std::move(psk);
    return device;
}

std::string csv_field(std::string_view field) {
    if (field.find_first_of(",\"") == std::string_view::npos && !field.starts_with(' ') &&
        !field.starts_with('#')) {
        return std::string(field);
    }
    std::string out = "\"";
    for (const char c : field)
        out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + '"';
}

}  // namespace

DeviceTable parse_device_csv(std::string_view text) {
    static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    DeviceTable table;
    std::unordered_map<std::string, std::size_t> seen;
    bool first = true;
    for (std::size_t number = 1; !text.empty(); ++number) {
        if (number > kMaxImportLines) {
            table.mistakes.push_back({number, {"the file has too many lines", "import it in parts"}});
            break;
        }
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        const bool heading = std::exchange(first, false) && (line == kHeading || line == kHeadingWithName);
        if (heading) continue;
        if (line == kKeylessHeading) {
            table.mistakes.push_back(
                {number, {"this table has no keys", "export it again with --with-keys"}});
            break;
        }
        auto device = device_of(line);
        if (!device) {
            table.mistakes.push_back({number, device.error()});
            continue;
        }
        const auto [earlier, is_new] = seen.emplace(device->identity, number);
        if (!is_new) {
            table.mistakes.push_back(
                {number,
                 {fmt::format("\"{}\" is in line {} too", device->identity, earlier->second),
                  "remove one of them"}});
            continue;
        }
        table.devices.push_back({.line = number, .device = *std::move(device)});
    }
    return table;
}

std::string write_device_csv(std::span<const store::CredentialRow> credentials, bool with_keys) {
    std::string text(with_keys ? kHeadingWithName : kKeylessHeading);
    text += '\n';
    for (const store::CredentialRow& row : credentials) {
        text += fmt::format("{},{},", csv_field(row.identity), csv_field(row.fleet));
        if (with_keys) text += to_hex(row.psk.view()) + ',';
        text += csv_field(row.device) + '\n';
    }
    return text;
}

}  // namespace narrowgate::daemon
