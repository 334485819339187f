// SPDX-License-Identifier: Apache-2.0
#include "boards/host/identities.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <sstream>

#include "base/crc32.h"
#include "boards/host/file_descriptor.hpp"

namespace narrowgate::host {
namespace {

using Key = std::vector<std::uint8_t>;
template <class T>
using Result = std::expected<T, std::string>;

constexpr std::size_t kFileBytesMax = 16u << 20;

// A file with keys: nobody else may read it (promise P8).
Result<std::string> read_secret(const std::string& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (!file || ::fstat(file.get(), &status) != 0)
        return std::unexpected(path + ": " + std::strerror(errno));
    if (S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return std::unexpected(path + ": can be read by others; chmod 600 " + path);
    std::string text;
    char part[4096];
    ssize_t size = 0;
    while ((size = ::read(file.get(), part, sizeof part)) > 0 && text.size() < kFileBytesMax)
        text.append(part, static_cast<std::size_t>(size));
    if (size != 0) return std::unexpected(path + ": cannot be read to its end");
    return text;
}

std::optional<Key> key_of(std::string_view hex) {
    while (!hex.empty() && std::string_view(" \r\n").contains(hex.back()))
        hex.remove_suffix(1);
    if (hex.size() % 2 != 0) return std::nullopt;
    Key key;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        const auto high = kDigits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(hex[i]))));
        const auto low =
            kDigits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(hex[i + 1]))));
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        key.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    if (key.size() < PV_PSK_BYTES_MIN || key.size() > PV_PSK_BYTES_MAX) return std::nullopt;
    return key;
}

void put(Page& page, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
        page.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

template <class Bytes>
void put_field(Page& page, pv_field field, const Bytes& value) {
    page.push_back(static_cast<std::uint8_t>(field));
    page.push_back(static_cast<std::uint8_t>(value.size()));
    page.insert(page.end(), value.begin(), value.end());
}

void put_number(Page& page, pv_field field, std::uint32_t value, int bytes) {
    Page digits;
    put(digits, value, bytes);
    put_field(page, field, digits);
}

Page page_of(const std::string& identity, const Key& key, const Options& options) {
    Page fields;
    put_field(fields, PV_IDENTITY, identity);
    put_field(fields, PV_PSK, key);
    put_field(fields, PV_GATEWAY, options.gateway);
    put_number(fields, PV_GATEWAY_PORT, options.gateway_port, 2);
    put_field(fields, PV_RESOURCE, options.resource);
    put_field(fields, PV_APN, options.apn);
    put_number(fields, PV_INTERVAL, options.interval_s, 4);
    put_number(fields, PV_ACTIVE, options.active_s, 4);
    put_number(fields, PV_PERIODIC, options.periodic_s, 4);
    put_number(fields, PV_ACK_TIMEOUT, options.ack_timeout_ms, 4);
    Page page = {'N', 'G', 'P', '1'};
    put(page, static_cast<std::uint32_t>(fields.size()), 2);
    put(page, 0, 2);
    page.insert(page.end(), fields.begin(), fields.end());
    put(page, bs_crc32(0, page.data(), page.size()), 4);
    return page;
}

// What `page` says, as the node will read it.
Result<Identity> identity_of(Page page, const std::string& where) {
    page.resize(PV_BLOCK_BYTES_MAX, 0xff);
    Identity identity{{}, std::move(page), {}};
    unsigned field = 0;
    const pv_fault fault = pv_parse(&identity.values, identity.page.data(), identity.page.size(), &field);
    if (fault != PV_GOOD) return std::unexpected(where + ": " + pv_fault_text(fault) + pv_field_text(field));
    identity.name.assign(reinterpret_cast<const char*>(identity.values.identity),
                         identity.values.identity_size);
    return identity;
}

// Of `identity,fleet,psk_hex[,...]` or `identity,psk_hex`.
Result<Identity> identity_of_line(const std::string& line, const std::string& where, const Options& options) {
    std::vector<std::string> cells;
    std::istringstream cut(line);
    for (std::string cell; std::getline(cut, cell, ',');)
        cells.push_back(cell);
    const auto key = cells.size() < 2 ? std::nullopt : key_of(cells[cells.size() == 2 ? 1 : 2]);
    if (!key || cells[0].empty() || cells[0].size() > PV_IDENTITY_BYTES_MAX) {
        return std::unexpected(where +
                               ": no line of identity,fleet,psk_hex; was it exported with --with-keys?");
    }
    return identity_of(page_of(cells[0], *key, options), where);
}

Result<std::vector<Identity>> of_devices(const Options& options) {
    const auto text = read_secret(options.devices_path);
    if (!text) return std::unexpected(text.error());
    std::vector<Identity> identities;
    std::istringstream file(*text);
    std::string line;
    for (unsigned number = 1; std::getline(file, line); ++number) {
        if (line.empty() || line.starts_with('#') || line.starts_with("identity,")) continue;
        if (options.count > 0 && identities.size() == options.count) break;
        auto identity = identity_of_line(line, options.devices_path + ":" + std::to_string(number), options);
        if (!identity) return std::unexpected(identity.error());
        identities.push_back(std::move(*identity));
    }
    if (identities.empty() || identities.size() < options.count)
        return std::unexpected(options.devices_path + ": names " + std::to_string(identities.size()) +
                               " devices");
    return identities;
}

Result<std::vector<Identity>> of_prefix(const Options& options) {
    const auto text = read_secret(options.psk_path);
    if (!text) return std::unexpected(text.error());
    const auto key = key_of(*text);
    if (!key) return std::unexpected(options.psk_path + ": no key of 16 to 64 bytes in hexadecimal");
    std::vector<Identity> identities;
    for (unsigned number = 1; number <= options.count; ++number) {
        char digits[16];
        std::snprintf(digits, sizeof digits, "%04u", number);
        auto identity = identity_of(page_of(options.prefix + digits, *key, options), options.prefix + digits);
        if (!identity) return std::unexpected(identity.error());
        identities.push_back(std::move(*identity));
    }
    return identities;
}

Result<std::vector<Identity>> of_blocks(const Options& options) {
    std::vector<Identity> identities;
    for (const std::string& path : options.block_paths) {
        const auto bytes = read_secret(path);
        if (!bytes) return std::unexpected(bytes.error());
        if (bytes->starts_with(':'))
            return std::unexpected(
                path + ": is a hex file; firmware/tools/provision --binary writes the block itself");
        auto identity = identity_of(Page(bytes->begin(), bytes->end()), path);
        if (!identity) return std::unexpected(identity.error());
        identities.push_back(std::move(*identity));
    }
    return identities;
}

}  // namespace

std::expected<std::vector<Identity>, std::string> read_identities(const Options& options) {
    if (!options.block_paths.empty()) return of_blocks(options);
    return options.devices_path.empty() ? of_prefix(options) : of_devices(options);
}

}  // namespace narrowgate::host
