// SPDX-License-Identifier: Apache-2.0
//
// A modem's UART: a terminal of this machine (9600 8N1), or a unix socket as narrowgate-modem opens one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "boards/host/file_descriptor.hpp"

namespace narrowgate::host {

// Thread: the node's.
class Uart {
public:
    // Fails with a line that says why.
    static std::expected<Uart, std::string> open(const std::string& path);

    int fd() const { return line_.get(); }  // -1 while it is gone
    // As port_table's. Neither blocks.
    std::size_t write(const std::uint8_t* bytes, std::size_t size);
    std::size_t read(std::uint8_t* bytes, std::size_t size);
    // What was said to a node that sleeps is lost.
    void drain();
    // A modem that has gone is looked for again; true when it is back, with another fd().
    bool reopen();

private:
    explicit Uart(std::string path) : path_(std::move(path)) {}
    bool connect();

    std::string path_;
    FileDescriptor line_;
};

}  // namespace narrowgate::host
