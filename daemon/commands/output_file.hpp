// SPDX-License-Identifier: Apache-2.0
//
// A file that a command makes for its user, who may be another than the one that it becomes on its way.
#pragma once

#include <filesystem>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::daemon {

// Opened before a command becomes the owner of the state directory, written after. Removed at its end, as far
// as that user may, unless it was finished.
class OutputFile {
public:
    // With mode 0600. Fails when there is such a file already.
    static Expected<OutputFile> make(std::filesystem::path path);
    ~OutputFile();
    OutputFile(OutputFile&& other) noexcept = default;
    OutputFile& operator=(OutputFile&&) = delete;

    Expected<void> write(ByteView bytes);
    // Everything written is on disk when it returns.
    Expected<void> finish();

private:
    OutputFile(std::filesystem::path path, io::FileDescriptor descriptor)
        : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

    Error error() const;

    std::filesystem::path path_;
    io::FileDescriptor descriptor_;  // none: finished, or moved away
};

}  // namespace narrowgate::daemon
