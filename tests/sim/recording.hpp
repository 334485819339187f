// SPDX-License-Identifier: Apache-2.0
//
// What an observer at a NAT saw, as a file: every datagram of both directions as its sender sent it (also
// those that were lost afterwards), and which node had which port. narrowgate-nat writes it, the nonce audit
// reads it.
//
// The file is kRecordingMagic and then records, integers in network byte order:
//
//   1 byte   kind: 'u' uplink, 'd' downlink, 'r' replay by the attacker, 'm' a port was given to a node
//   8 bytes  microseconds since 1970-01-01T00:00:00Z
//   16 + 2   the node: IPv6 address (IPv4-mapped for IPv4) and port; zeros when no node has had the port yet
//   2 bytes  outside port; 0 for an uplink of a node without a mapping
//   2 bytes  length of the datagram, 0 for 'm'
//   n bytes  the datagram
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::sim {

inline constexpr std::string_view kRecordingMagic = "narrowgate-nat recording 1\n";

struct Recorded {
    enum class Kind : std::uint8_t { kUp = 'u', kDown = 'd', kReplay = 'r', kMapped = 'm' };
    Kind kind = Kind::kUp;
    WallTime at;
    Address inside;
    std::uint16_t outside_port = 0;
    Bytes datagram;
};

// Thread: its owner's.
class RecordingWriter {
public:
    // Replaces what the file held.
    static Expected<RecordingWriter> create(const std::string& path);

    // At most 65 535 bytes of datagram. What cannot be written shows in close().
    void write(Recorded::Kind kind, WallTime at, const Address& inside, std::uint16_t outside_port,
               ByteView datagram);
    Expected<void> close();

private:
    RecordingWriter(std::string path, std::ofstream file) : path_(std::move(path)), file_(std::move(file)) {}

    std::string path_;
    std::ofstream file_;
    Bytes buffer_;
};

// Thread: its owner's.
class RecordingReader {
public:
    // Fails when the file cannot be read or is no recording.
    static Expected<RecordingReader> open(const std::string& path);

    // Nothing at the end; a last record that was cut off, as by a kill, counts as the end too. What is no
    // record at all ends it as well, and the file is damaged.
    std::optional<Recorded> next();
    bool damaged() const { return damaged_; }

private:
    explicit RecordingReader(std::ifstream file) : file_(std::move(file)) {}

    std::ifstream file_;
    bool damaged_ = false;
};

}  // namespace narrowgate::sim
