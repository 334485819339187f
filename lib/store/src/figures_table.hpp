// SPDX-License-Identifier: Apache-2.0
//
// The figures of devices on disk: written within the caller's transaction, read on a connection of its own.
#pragma once

#include <filesystem>
#include <string>

#include "narrowgate/store/figures.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the one of its database.
class FiguresTable {
public:
    explicit FiguresTable(Database& database);

    // Empty when there are none.
    Bytes read(std::string_view device);
    // What `merge` makes of each one's; see FiguresChange.
    void apply(const FiguresChange& change);

private:
    Statement get_;
    Statement put_;
};

class FiguresTableReader final : public FiguresReader {
public:
    // Throws SqlFault.
    FiguresTableReader(const std::filesystem::path& file, const std::string& file_layer);

    Expected<bool> next(std::size_t count, const Take& take) override;

private:
    std::filesystem::path file_;
    Database database_;
    Statement after_;
    std::string last_;  // no name is empty
};

}  // namespace narrowgate::store
