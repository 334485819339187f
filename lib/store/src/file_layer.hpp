// SPDX-License-Identifier: Apache-2.0
//
// A file layer of SQLite (VFS) that stands over another one: what it does not do itself, the one below does.
// Of its methods an upper layer writes those that it changes, and has the others made here
// (sqlite.org/vfs.html, "VFS Shims").
#pragma once

#include <sqlite3.h>

#include <algorithm>
#include <string>

namespace narrowgate::store {

// The system's when `name` is empty; null when there is none of that name.
inline sqlite3_vfs* find_file_layer(const std::string& name) {
    return sqlite3_vfs_find(name.empty() ? nullptr : name.c_str());
}

// `File` is what the upper layer holds for an open file: it begins with an sqlite3_file, and its below() is
// the file of the layer below.
template <class File, auto Method>
struct PassedToFile;
template <class File, class Result, class... Arguments,
          Result (*sqlite3_io_methods::*Method)(sqlite3_file*, Arguments...)>
struct PassedToFile<File, Method> {
    static Result call(sqlite3_file* file, Arguments... arguments) {
        sqlite3_file* below = reinterpret_cast<File*>(file)->below();
        return (below->pMethods->*Method)(below, arguments...);
    }
};

// Those of version 1, which are all that SQLite calls of a file that is not a database.
template <class File>
constexpr sqlite3_io_methods passed_to_file() {
    using Methods = sqlite3_io_methods;
    Methods methods{};
    methods.iVersion = 1;
    methods.xClose = PassedToFile<File, &Methods::xClose>::call;
    methods.xRead = PassedToFile<File, &Methods::xRead>::call;
    methods.xWrite = PassedToFile<File, &Methods::xWrite>::call;
    methods.xTruncate = PassedToFile<File, &Methods::xTruncate>::call;
    methods.xSync = PassedToFile<File, &Methods::xSync>::call;
    methods.xFileSize = PassedToFile<File, &Methods::xFileSize>::call;
    methods.xLock = PassedToFile<File, &Methods::xLock>::call;
    methods.xUnlock = PassedToFile<File, &Methods::xUnlock>::call;
    methods.xCheckReservedLock = PassedToFile<File, &Methods::xCheckReservedLock>::call;
    methods.xFileControl = PassedToFile<File, &Methods::xFileControl>::call;
    methods.xSectorSize = PassedToFile<File, &Methods::xSectorSize>::call;
    methods.xDeviceCharacteristics = PassedToFile<File, &Methods::xDeviceCharacteristics>::call;
    return methods;
}

// As SQLite knows it. `below` must outlive it.
struct LayerOver : sqlite3_vfs {
    sqlite3_vfs* below = nullptr;
};

template <auto Method>
struct PassedToLayer;
template <class Result, class... Arguments, Result (*sqlite3_vfs::*Method)(sqlite3_vfs*, Arguments...)>
struct PassedToLayer<Method> {
    static Result call(sqlite3_vfs* layer, Arguments... arguments) {
        sqlite3_vfs* below = static_cast<LayerOver*>(layer)->below;
        return (below->*Method)(below, arguments...);
    }
    // What the layer below has none of, the upper one has none of either.
    static void into(LayerOver& layer) { layer.*Method = layer.below->*Method != nullptr ? call : nullptr; }
};

// All but its name, its files' size and xOpen. Version 2 at most: the third is for SQLite's own tests.
inline LayerOver passed_to_layer(sqlite3_vfs& below) {
    using Layer = sqlite3_vfs;
    LayerOver layer;
    layer.below = &below;
    layer.iVersion = std::min(below.iVersion, 2);
    layer.mxPathname = below.mxPathname;
    PassedToLayer<&Layer::xDelete>::into(layer);
    PassedToLayer<&Layer::xAccess>::into(layer);
    PassedToLayer<&Layer::xFullPathname>::into(layer);
    PassedToLayer<&Layer::xDlOpen>::into(layer);
    PassedToLayer<&Layer::xDlError>::into(layer);
    PassedToLayer<&Layer::xDlSym>::into(layer);
    PassedToLayer<&Layer::xDlClose>::into(layer);
    PassedToLayer<&Layer::xRandomness>::into(layer);
    PassedToLayer<&Layer::xSleep>::into(layer);
    PassedToLayer<&Layer::xCurrentTime>::into(layer);
    PassedToLayer<&Layer::xGetLastError>::into(layer);
    if (layer.iVersion >= 2) PassedToLayer<&Layer::xCurrentTimeInt64>::into(layer);
    return layer;
}

}  // namespace narrowgate::store
