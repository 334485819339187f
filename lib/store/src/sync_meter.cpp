// SPDX-License-Identifier: Apache-2.0
#include "sync_meter.hpp"

#include <fmt/format.h>

#include "sqlite.hpp"

namespace narrowgate::store {

// What SQLite holds for an open log; the file of the layer below follows it in memory.
struct SyncMeter::LogFile {
    sqlite3_file base;
    SyncMeter* meter;

    sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }

    static int sync(sqlite3_file* file, int flags) {
        auto& self = *reinterpret_cast<LogFile*>(file);
        const auto began = self.meter->clock_.now().steady;
        const int code = self.below()->pMethods->xSync(self.below(), flags);
        self.meter->syncs_.time += self.meter->clock_.now().steady - began;
        ++self.meter->syncs_.count;
        return code;
    }

    static constexpr sqlite3_io_methods methods() {
        sqlite3_io_methods methods = passed_to_file<LogFile>();
        methods.xSync = sync;
        return methods;
    }
};

SyncMeter::SyncMeter(const std::string& below, const Clock& clock)
    : clock_(clock), name_(fmt::format("narrowgate-{}", static_cast<const void*>(this))) {
    sqlite3_vfs* layer_below = find_file_layer(below);
    if (layer_below == nullptr)
        throw SqlFault{SQLITE_ERROR, fmt::format("SQLite has no file layer named \"{}\"", below)};
    layer_ = passed_to_layer(*layer_below);
    layer_.zName = name_.c_str();
    layer_.szOsFile = static_cast<int>(sizeof(LogFile)) + layer_below->szOsFile;
    layer_.pAppData = this;
    layer_.xOpen = open;
    if (const int code = sqlite3_vfs_register(&layer_, 0); code != SQLITE_OK)
        throw SqlFault{code, sqlite3_errstr(code)};
}

SyncMeter::~SyncMeter() {
    sqlite3_vfs_unregister(&layer_);
}

int SyncMeter::open(sqlite3_vfs* layer, const char* path, sqlite3_file* file, int flags, int* granted) {
    static constexpr sqlite3_io_methods kMethods = LogFile::methods();
    auto& self = *static_cast<SyncMeter*>(layer->pAppData);
    sqlite3_vfs* below = self.layer_.below;
    if ((flags & SQLITE_OPEN_WAL) == 0) return below->xOpen(below, path, file, flags, granted);
    auto& log = *reinterpret_cast<LogFile*>(file);
    log.meter = &self;
    const int code = below->xOpen(below, path, log.below(), flags, granted);
    // SQLite closes what has methods, opened or not.
    log.base.pMethods = log.below()->pMethods != nullptr ? &kMethods : nullptr;
    return code;
}

}  // namespace narrowgate::store
