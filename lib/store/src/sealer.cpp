// SPDX-License-Identifier: Apache-2.0
#include "sealer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::store {
namespace {

constexpr std::uint16_t kSealVersion = 1;  // of the form below; part of the additional data
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kKeyBytes = crypto::kAes256KeyBytes;
constexpr std::size_t kKeyFileBytes = 2 * kKeyBytes + 1;  // hexadecimal, and a line end if edited
constexpr mode_t kOthers = 0077;
// systemd grants the service's user access to a credential by an ACL, whose mask shows as group bits.
constexpr mode_t kOthersOfCredential = 0007;
// The two ways out, and what each costs.
constexpr std::string_view kKeyIsLost =
    "If it is lost, `narrowgate restore` a backup into an empty state directory: the sessions are lost, and "
    "each "
    "node shakes hands once. Without a backup move state.db and state.db-wal away and import the devices "
    "with "
    "their keys again: sessions, PSKs, readings not yet delivered and the audit trail are lost";
constexpr std::string_view kCheckText = "narrowgate store";

struct RowKey {
    Secret material;
    ByteView key() const { return material.view().first(kKeyBytes); }
    ByteView nonce() const { return material.view().subspan(kKeyBytes); }
};

// Each row has a key and nonce of its own, so that no pair of them can meet twice however often rows are
// sealed.
RowKey row_key(ByteView key, ByteView salt) {
    return {
        crypto::hkdf_sha256(key, salt, bytes_of("narrowgate store row"), kKeyBytes + crypto::kGcmNonceBytes)};
}

class File {
public:
    File(const std::filesystem::path& path, int flags, mode_t mode = 0)
        : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    ~File() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return descriptor_; }

private:
    int descriptor_;
};

Expected<Secret> read_key(const std::filesystem::path& path, mode_t forbidden) {
    const File file(path, O_RDONLY);
    struct stat info{};
    if (file.get() < 0 || fstat(file.get(), &info) != 0) {
        return failure(
            fmt::format("{}: the sealing key cannot be read: {}", path.string(), system_message(errno)),
            "let the user that runs narrowgate own the file");
    }
    if ((info.st_mode & forbidden) != 0) {
        return failure(
            fmt::format("{}: the sealing key can be read by others (mode {:04o})", path.string(),
                        info.st_mode & 07777),
            fmt::format("chmod 600 {}, and consider the keys in this store as known", path.string()));
    }
    Bytes text(kKeyFileBytes + 1);
    const auto size = ::read(file.get(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    Secret content(std::move(text));
    if (content.size() == kKeyBytes) return content;
    auto hex = text_of(content.view());
    if (hex.ends_with('\n')) hex.remove_suffix(1);
    if (hex.size() == 2 * kKeyBytes) {
        if (auto key = from_hex(hex)) return Secret(std::move(*key));
    }
    return failure(fmt::format("the file {} does not hold a sealing key", path.string()),
                   "it must hold 64 hexadecimal digits, or 32 bytes; put back the right key");
}

Expected<Secret> make_key(const std::filesystem::path& path) {
    std::array<std::uint8_t, kKeyBytes> key{};
    crypto::fill_random(key);
    Secret result{ByteView(key)};
    std::string hex = to_hex(key);
    wipe(key);
    // Written beside and renamed, so that a power cut cannot leave half a key.
    const auto draft = path.string() + ".new";
    const File file(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const File directory(path.parent_path(), O_RDONLY | O_DIRECTORY);
    const bool written = file.get() >= 0 && directory.get() >= 0 &&
                         ::write(file.get(), hex.data(), hex.size()) == static_cast<ssize_t>(hex.size()) &&
                         fsync(file.get()) == 0 && rename(draft.c_str(), path.c_str()) == 0 &&
                         fsync(directory.get()) == 0;
    const int number = errno;
    wipe({reinterpret_cast<std::uint8_t*>(hex.data()), hex.size()});
    if (!written) {
        return failure(
            fmt::format("{}: the sealing key cannot be made: {}", path.string(), system_message(number)),
            "let the user that runs narrowgate own the state directory, and make room on its disk");
    }
    return result;
}

std::optional<Bytes> check_value(Database& database) {
    Statement statement(database, "SELECT value FROM meta WHERE name = 'key_check'");
    Query query(statement);
    if (!query.next()) return std::nullopt;
    const auto blob = query.blob(0);
    return Bytes(blob.begin(), blob.end());
}

}  // namespace

Sealer::Sealer(Secret key)
    : key_(std::move(key)),
      mark_hash_(
          crypto::hkdf_sha256(key_.view(), {}, bytes_of("narrowgate store mark"), kSipHashKeyBytes).view()) {}

std::uint32_t Sealer::mark_tag(SessionId session, ByteView mark) const {
    std::array<std::uint8_t, sizeof(SessionId) + 255> text{};
    for (std::size_t i = 0; i < sizeof(SessionId); ++i)
        text[i] = static_cast<std::uint8_t>(session >> (8 * i));
    const auto size = std::min(mark.size(), text.size() - sizeof(SessionId));
    std::ranges::copy(mark.first(size), text.begin() + sizeof(SessionId));
    return static_cast<std::uint32_t>(mark_hash_(ByteView(text).first(sizeof(SessionId) + size)));
}

Bytes Sealer::seal(ByteView additional_data, ByteView plaintext) const {
    Bytes out(kSaltBytes);
    crypto::fill_random(out);
    const auto row = row_key(key_.view(), out);
    ByteWriter(out).append(crypto::aes256_gcm_seal(row.key(), row.nonce(), additional_data, plaintext));
    return out;
}

std::optional<Secret> Sealer::open(ByteView additional_data, ByteView sealed) const {
    if (sealed.size() < kSaltBytes + crypto::kGcmTagBytes) return std::nullopt;
    const auto row = row_key(key_.view(), sealed.first(kSaltBytes));
    return crypto::aes256_gcm_open(row.key(), row.nonce(), additional_data, sealed.subspan(kSaltBytes));
}

Bytes session_binding(SessionId id, CredentialId credential, ByteView cid) {
    Bytes out;
    ByteWriter(out).append_prefixed(bytes_of("session"), 1).u16(kSealVersion).u64(credential);
    ByteWriter(out).append_prefixed(cid, 1).u64(id);
    return out;
}

Bytes credential_binding(CredentialId id, std::string_view identity) {
    Bytes out;
    ByteWriter(out).append_prefixed(bytes_of("credential"), 1).u16(kSealVersion);
    ByteWriter(out).append_prefixed(bytes_of(identity), 1).u64(id);
    return out;
}

Expected<Sealer> open_sealer(const StateDirectory& directory,
                             const std::filesystem::path& credentials_directory, Database& database) {
    const auto check = check_value(database);
    auto path = directory.file("state.key");
    mode_t forbidden = kOthers;
    std::error_code ignored;
    if (!credentials_directory.empty() &&
        std::filesystem::exists(credentials_directory / "narrowgate-state-key", ignored)) {
        path = credentials_directory / "narrowgate-state-key";
        forbidden = kOthersOfCredential;
    }
    const bool present = std::filesystem::exists(path, ignored);
    if (!present && check) {
        return failure(
            fmt::format("{}: the sealing key of this store is missing", path.string()),
            fmt::format("put the key back (state.key, or the systemd credential narrowgate-state-key). {}",
                        kKeyIsLost));
    }
    auto key = present ? read_key(path, forbidden) : make_key(path);
    if (!key) return std::unexpected(key.error());
    Sealer sealer(std::move(*key));
    const Bytes binding(bytes_of("meta key_check").begin(), bytes_of("meta key_check").end());
    if (!check) {
        Statement insert(database, "INSERT INTO meta(name, value) VALUES('key_check', ?1)");
        insert.run(sealer.seal(binding, bytes_of(kCheckText)));
    } else if (!sealer.open(binding, *check)) {
        return failure(
            fmt::format("{}: this sealing key is not the one that the store was made with", path.string()),
            fmt::format("put back the right key (state.key, or the systemd credential "
                        "narrowgate-state-key). {}",
                        kKeyIsLost));
    }
    return sealer;
}

}  // namespace narrowgate::store
