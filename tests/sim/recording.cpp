// SPDX-License-Identifier: Apache-2.0
#include "sim/recording.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace narrowgate::sim {
namespace {

constexpr std::size_t kEntryHeaderBytes = 1 + 8 + 16 + 2 + 2 + 2;

char* text_at(Bytes& bytes) {
    return reinterpret_cast<char*>(bytes.data());
}

bool is_kind(std::uint8_t byte) {
    return byte == 'u' || byte == 'd' || byte == 'r' || byte == 'm';
}

}  // namespace

Expected<RecordingWriter> RecordingWriter::create(const std::string& path) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << kRecordingMagic;
    if (!file) return failure(path + ": " + system_message(errno), "choose another path for the recording");
    return RecordingWriter(path, std::move(file));
}

void RecordingWriter::write(Recorded::Kind kind, WallTime at, const Address& inside,
                            std::uint16_t outside_port, ByteView datagram) {
    buffer_.clear();
    ByteWriter(buffer_)
        .u8(static_cast<std::uint8_t>(kind))
        .u64(static_cast<std::uint64_t>(at.time_since_epoch().count()))
        .append(inside.ip)
        .u16(inside.port)
        .u16(outside_port)
        .append_prefixed(datagram, 2);
    file_.write(text_at(buffer_), static_cast<std::streamsize>(buffer_.size()));
}

Expected<void> RecordingWriter::close() {
    file_.close();
    if (!file_) return failure(path_ + ": the recording could not be written to its end", "make room for it");
    return {};
}

Expected<RecordingReader> RecordingReader::open(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return failure(path + ": " + system_message(errno), "name a file that --record wrote");
    std::string magic(kRecordingMagic.size(), '\0');
    file.read(magic.data(), static_cast<std::streamsize>(magic.size()));
    if (!file || magic != kRecordingMagic) {
        return failure(path + ": not a recording", "name a file that narrowgate-nat --record wrote");
    }
    return RecordingReader(std::move(file));
}

std::optional<Recorded> RecordingReader::next() {
    Bytes header(kEntryHeaderBytes);
    if (!file_.read(text_at(header), kEntryHeaderBytes)) return std::nullopt;
    ByteReader reader(header);
    const std::uint8_t kind = reader.u8();
    if (!is_kind(kind)) {
        damaged_ = true;
        return std::nullopt;
    }
    Recorded recorded;
    recorded.kind = static_cast<Recorded::Kind>(kind);
    recorded.at = WallTime(std::chrono::microseconds(static_cast<std::int64_t>(reader.u64())));
    std::ranges::copy(reader.take(recorded.inside.ip.size()), recorded.inside.ip.begin());
    recorded.inside.port = reader.u16();
    recorded.outside_port = reader.u16();
    recorded.datagram.resize(reader.u16());
    if (!file_.read(text_at(recorded.datagram), static_cast<std::streamsize>(recorded.datagram.size()))) {
        return std::nullopt;
    }
    return recorded;
}

}  // namespace narrowgate::sim
