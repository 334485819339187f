// SPDX-License-Identifier: Apache-2.0
#include "sim/identities.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace narrowgate::sim {

Expected<std::vector<Identity>> read_identities(const std::string& path) {
    std::ifstream file(path);
    if (!file) return failure(path + ": cannot be read", "write one line a node: identity,psk_hex");
    std::vector<Identity> identities;
    std::string line;
    for (unsigned number = 1; std::getline(file, line); ++number) {
        if (line.empty() || line.starts_with('#') || line.starts_with("identity,")) continue;
        std::vector<std::string> fields;
        std::istringstream cut(line);
        for (std::string field; std::getline(cut, field, ',');)
            fields.push_back(field);
        auto psk = fields.size() < 2 ? std::nullopt : from_hex(fields[fields.size() == 2 ? 1 : 2]);
        if (!psk || psk->empty() || fields[0].empty()) {
            return failure(fmt::format("{}:{}: not a line of a node", path, number),
                           "write identity,psk_hex or identity,fleet,psk_hex");
        }
        identities.push_back({fields[0], std::move(*psk)});
    }
    return identities;
}

}  // namespace narrowgate::sim
