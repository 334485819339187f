// SPDX-License-Identifier: Apache-2.0
#include "ballast.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "file_layer.hpp"

namespace narrowgate::store {
namespace {

constexpr std::size_t kBallastBlockBytes = 65'536;

// Fills the file up to `bytes` with what a compressing file system cannot make smaller.
bool fill(sqlite3_vfs* layer, const std::filesystem::path& file, std::uint64_t bytes) {
    std::vector<std::uint64_t> memory(static_cast<std::size_t>(layer->szOsFile) / sizeof(std::uint64_t) + 1);
    auto* handle = reinterpret_cast<sqlite3_file*>(memory.data());
    // The file layer would let others read it: it goes by what SQLite's databases have.
    const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (made < 0) return false;
    const bool is_private = fchmod(made, 0600) == 0;
    close(made);
    int granted = 0;
    if (!is_private || layer->xOpen(layer, file.c_str(), handle,
                                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL,
                                    &granted) != SQLITE_OK) {
        if (handle->pMethods != nullptr) handle->pMethods->xClose(handle);
        return false;
    }
    sqlite3_int64 size = 0;
    bool good = handle->pMethods->xFileSize(handle, &size) == SQLITE_OK;
    std::array<std::uint8_t, kBallastBlockBytes> block{};
    for (auto at = static_cast<std::uint64_t>(size); good && at < bytes;) {
        const auto count = std::min<std::uint64_t>(block.size(), bytes - at);
        sqlite3_randomness(static_cast<int>(count), block.data());
        good = handle->pMethods->xWrite(handle, block.data(), static_cast<int>(count),
                                        static_cast<sqlite3_int64>(at)) == SQLITE_OK;
        at += count;
    }
    good = good && handle->pMethods->xSync(handle, SQLITE_SYNC_NORMAL) == SQLITE_OK;
    handle->pMethods->xClose(handle);
    return good;
}

}  // namespace

Ballast::Ballast(std::filesystem::path file, std::uint64_t bytes, const std::string& file_layer)
    : file_(std::move(file)), bytes_(bytes), file_layer_(file_layer) {}

bool Ballast::raise() {
    if (standing_ || bytes_ == 0) return standing_ = true;
    auto* layer = find_file_layer(file_layer_);
    standing_ = layer != nullptr && fill(layer, file_, bytes_);
    if (!standing_) release();
    return standing_;
}

void Ballast::release() {
    standing_ = false;
    auto* layer = find_file_layer(file_layer_);
    if (layer != nullptr) layer->xDelete(layer, file_.c_str(), 0);
}

}  // namespace narrowgate::store
