// SPDX-License-Identifier: Apache-2.0
//
// Devices as comma-separated values: `identity,fleet,psk_hex[,name]`, a line each, with or without that line
// as a heading. Fields that hold commas, quotes or leading blanks are quoted as in RFC 4180; line breaks in
// fields are not possible. Empty lines, and lines that start with '#', are passed over.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/devices/device_service.hpp"

namespace narrowgate::daemon {

struct CsvDevice {
    std::size_t line = 0;
    store::NewDevice device;
};

struct DeviceTable {
    std::vector<CsvDevice> devices;
    std::vector<ImportMistake> mistakes;  // every line that is no device, in order
};

// More lines than this are a mistake.
inline constexpr std::size_t kMaxImportLines = 1'000'000;

// Checks each line for itself, and that no identity comes twice.
DeviceTable parse_device_csv(std::string_view text);

// With a heading. `with_keys` false leaves the column psk_hex out; such a table cannot be imported.
std::string write_device_csv(std::span<const store::CredentialRow> credentials, bool with_keys);

}  // namespace narrowgate::daemon
