// SPDX-License-Identifier: Apache-2.0
//
// What a node keeps over a reset: the retained block and the number of its next reading, in a file that is
// mapped into memory. What was written there is there after kill -9 too. Of a restart of the machine that
// cannot be said: what the file then holds may be older than what was sent, so the session in it is
// forgotten (no nonce is used twice), and the node shakes hands.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "boards/host/file_descriptor.hpp"
#include "port/port.h"

namespace narrowgate::host {

class StateFile {
public:
    // The file of `identity` in `folder`, which is made if need be; of this process alone from now on. An
    // empty `folder`: memory that ends with the process. Fails with a line that says why.
    static std::expected<StateFile, std::string> open(const std::string& folder, const std::string& identity);

    // PORT_RETAINED_BYTES.
    std::uint8_t* retained() { return content_->retained; }
    std::uint32_t& next_reading() { return content_->next_reading; }

private:
    struct Content {
        alignas(8) std::uint8_t retained[PORT_RETAINED_BYTES];
        char machine_start[40];  // the kernel's boot ID
        std::uint32_t next_reading;
    };
    struct Unmap {
        void operator()(Content* content) const;
    };

    StateFile(FileDescriptor file, Content* content) : file_(std::move(file)), content_(content) {}
    void forget_after_restart();

    FileDescriptor file_;  // holds the lock
    std::unique_ptr<Content, Unmap> content_;
};

}  // namespace narrowgate::host
