// SPDX-License-Identifier: Apache-2.0
#include "fakes/power_cut_vfs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>

#include "file_layer.hpp"

namespace narrowgate::fakes {

// What SQLite holds for an open file; the real layer's own part follows it in memory.
struct PowerCutFile {
    sqlite3_file base;
    PowerCutDisk* disk;
    const char* path;  // lives as long as the file is open

    sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static PowerCutFile& of(sqlite3_file* file) { return *reinterpret_cast<PowerCutFile*>(file); }

    static int write(sqlite3_file* file, const void* in, int count, sqlite3_int64 at) {
        auto& self = of(file);
        {
            const std::lock_guard lock(self.disk->mutex_);
            const auto begin = static_cast<std::uint64_t>(at);
            if (const int code = self.disk->step(); code != SQLITE_OK) return SQLITE_IOERR_WRITE;
            if (const int code = self.disk->admit(self.path, begin + static_cast<unsigned>(count)))
                return code;
            const auto* bytes = static_cast<const std::uint8_t*>(in);
            self.disk->state_of(self.path).unsynced.push_back({begin, Bytes(bytes, bytes + count), false});
        }
        return self.below()->pMethods->xWrite(self.below(), in, count, at);
    }
    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        auto& self = of(file);
        {
            const std::lock_guard lock(self.disk->mutex_);
            if (self.disk->step() != SQLITE_OK) return SQLITE_IOERR_TRUNCATE;
            auto& state = self.disk->state_of(self.path);
            state.size = static_cast<std::uint64_t>(size);
            state.unsynced.push_back({state.size, {}, true});
        }
        return self.below()->pMethods->xTruncate(self.below(), size);
    }
    // The real disk is not waited for: what counts as synced is what this object says.
    static int sync(sqlite3_file* file, int) {
        auto& self = of(file);
        const std::lock_guard lock(self.disk->mutex_);
        if (self.disk->step() != SQLITE_OK) return SQLITE_IOERR_FSYNC;
        auto& state = self.disk->state_of(self.path);
        for (const auto& write : state.unsynced)
            PowerCutDisk::apply(state.durable, write, write.bytes.size());
        state.unsynced.clear();
        return SQLITE_OK;
    }
    static int sector_size(sqlite3_file*) { return 512; }
    // A bare disk: no atomic writes, no ordering, power loss may tear neighbours.
    static int characteristics(sqlite3_file*) { return 0; }

    static constexpr sqlite3_io_methods methods() {
        using Methods = sqlite3_io_methods;
        Methods methods = store::passed_to_file<PowerCutFile>();
        methods.xWrite = write;
        methods.xTruncate = truncate;
        methods.xSync = sync;
        methods.xSectorSize = sector_size;
        methods.xDeviceCharacteristics = characteristics;
        // A database in WAL mode needs the second version.
        methods.iVersion = 2;
        methods.xShmMap = store::PassedToFile<PowerCutFile, &Methods::xShmMap>::call;
        methods.xShmLock = store::PassedToFile<PowerCutFile, &Methods::xShmLock>::call;
        methods.xShmBarrier = store::PassedToFile<PowerCutFile, &Methods::xShmBarrier>::call;
        methods.xShmUnmap = store::PassedToFile<PowerCutFile, &Methods::xShmUnmap>::call;
        return methods;
    }
};

namespace {

constexpr sqlite3_io_methods kPowerCutMethods = PowerCutFile::methods();

Bytes content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

PowerCutDisk::PowerCutDisk() : real_(sqlite3_vfs_find(nullptr)) {
    static std::atomic<int> count = 0;
    name_ = fmt::format("power-cut-{}", count++);
    vfs_ = *real_;
    vfs_.pNext = nullptr;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(PowerCutFile)) + real_->szOsFile;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    sqlite3_vfs_register(&vfs_, 0);
}

PowerCutDisk::~PowerCutDisk() {
    sqlite3_vfs_unregister(&vfs_);
}

void PowerCutDisk::cut_after(std::optional<std::uint64_t> steps) {
    const std::lock_guard lock(mutex_);
    steps_ = 0;
    cut_at_ = steps.value_or(std::numeric_limits<std::uint64_t>::max());
}

std::uint64_t PowerCutDisk::steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
}

bool PowerCutDisk::is_cut() const {
    const std::lock_guard lock(mutex_);
    return steps_ > cut_at_;
}

void PowerCutDisk::cut_power(Unsynced unsynced, std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    std::mt19937_64 random(seed);
    for (auto& [path, state] : files_) {
        if (!std::filesystem::exists(path)) continue;
        for (const auto& write : state.unsynced) {
            if (unsynced == Unsynced::kLost) break;
            if (unsynced == Unsynced::kWritten) {
                apply(state.durable, write, write.bytes.size());
            } else if (random() % 2 == 0) {
                const bool torn = random() % 4 == 0;
                apply(state.durable, write, torn ? random() % (write.bytes.size() + 1) : write.bytes.size());
            }
        }
        state.unsynced.clear();
        state.size = state.durable.size();
        std::ofstream(path, std::ios::binary | std::ios::trunc)
            .write(reinterpret_cast<const char*>(state.durable.data()),
                   static_cast<std::streamsize>(state.durable.size()));
    }
    steps_ = 0;
    cut_at_ = std::numeric_limits<std::uint64_t>::max();
}

void PowerCutDisk::limit(std::optional<std::uint64_t> bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = bytes.value_or(std::numeric_limits<std::uint64_t>::max());
}

std::uint64_t PowerCutDisk::used() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t total = 0;
    for (const auto& [path, state] : files_)
        total += state.size;
    return total;
}

int PowerCutDisk::step() {
    return steps_++ < cut_at_ ? SQLITE_OK : SQLITE_IOERR;
}

int PowerCutDisk::admit(const std::string& path, std::uint64_t end) {
    auto& state = state_of(path);
    if (end <= state.size) return SQLITE_OK;
    std::uint64_t total = end - state.size;
    for (const auto& [other, file] : files_)
        total += file.size;
    if (total > limit_) return SQLITE_FULL;
    state.size = end;
    return SQLITE_OK;
}

PowerCutDisk::State& PowerCutDisk::state_of(const std::string& path) {
    return files_[path];
}

void PowerCutDisk::apply(Bytes& content, const Write& write, std::size_t bytes) {
    const auto offset = static_cast<std::size_t>(write.offset);
    if (write.truncates) {
        content.resize(std::min(content.size(), offset));
        return;
    }
    if (content.size() < offset + bytes) content.resize(offset + bytes);
    std::copy_n(write.bytes.begin(), bytes, content.begin() + static_cast<std::ptrdiff_t>(offset));
}

int PowerCutDisk::open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* granted) {
    auto& disk = *static_cast<PowerCutDisk*>(vfs->pAppData);
    auto& self = PowerCutFile::of(file);
    self.base.pMethods = nullptr;
    self.disk = &disk;
    self.path = path;
    const int code = disk.real_->xOpen(disk.real_, path, self.below(), flags, granted);
    if (code != SQLITE_OK) return code;
    self.base.pMethods = &kPowerCutMethods;
    const std::lock_guard lock(disk.mutex_);
    if (!disk.files_.contains(path)) {
        // A file that was there before counts as synced.
        auto& state = disk.files_[path];
        state.durable = content_of(path);
        state.size = state.durable.size();
    }
    return SQLITE_OK;
}

int PowerCutDisk::remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    auto& disk = *static_cast<PowerCutDisk*>(vfs->pAppData);
    {
        const std::lock_guard lock(disk.mutex_);
        if (disk.step() != SQLITE_OK) return SQLITE_IOERR_DELETE;
        disk.files_.erase(path);
    }
    return disk.real_->xDelete(disk.real_, path, sync_directory);
}

}  // namespace narrowgate::fakes
