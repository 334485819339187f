// SPDX-License-Identifier: Apache-2.0
#include "pem_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string_view>

#include "narrowgate/base/secret.hpp"
#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::mqtt {
namespace {

// A bundle of all the roots of the web has 250 KiB.
constexpr off_t kMaxFileBytes = 4 << 20;

using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free>>;

// A pass phrase is never asked for on a terminal: the daemon has none.
int no_pass_phrase(char*, int, int, void*) {
    return -1;
}

struct OpenSslBytes {
    void operator()(void* pointer) const { OPENSSL_free(pointer); }
};
// What may be a key is wiped.
struct Block {
    std::unique_ptr<char, OpenSslBytes> name;
    std::unique_ptr<char, OpenSslBytes> header;
    unsigned char* data = nullptr;
    long size = 0;

    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { OPENSSL_clear_free(data, static_cast<std::size_t>(size)); }
};

enum class Found { kBlock, kEnd, kDamaged };

Found next_block(BIO* bio, Block& block) {
    char* name = nullptr;
    char* header = nullptr;
    ERR_clear_error();
    if (PEM_read_bio(bio, &name, &header, &block.data, &block.size) == 1) {
        block.name.reset(name);
        block.header.reset(header);
        return Found::kBlock;
    }
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? Found::kEnd : Found::kDamaged;
}

// False when it makes no sense.
bool take(const Block& block, PemFile& file) {
    const std::string_view name(block.name.get());
    if (name.ends_with("CERTIFICATE")) {
        const unsigned char* at = block.data;
        // "TRUSTED CERTIFICATE" has more behind the certificate, which we need not know.
        CertificatePtr certificate(d2i_X509(nullptr, &at, block.size));
        if (!certificate) return false;
        file.certificates.push_back(std::move(certificate));
        return true;
    }
    if (name.ends_with("CERTIFICATE REQUEST")) file.has_request = true;
    if (!name.ends_with("PRIVATE KEY") || file.has_key) return true;
    file.has_key = true;
    file.has_encrypted_key = name == "ENCRYPTED PRIVATE KEY" ||
                             std::string_view(block.header.get()).find("ENCRYPTED") != std::string_view::npos;
    return true;
}

std::size_t read_blocks(ByteView contents, PemFile& file) {
    const BioPtr bio(BIO_new_mem_buf(contents.data(), static_cast<int>(contents.size())));
    for (std::size_t number = 1;; ++number) {
        Block block;
        const Found found = bio ? next_block(bio.get(), block) : Found::kEnd;
        if (found == Found::kEnd) return 0;
        if (found == Found::kDamaged || !take(block, file)) return number;
    }
}

}  // namespace

Expected<PemFile> read_pem(const std::filesystem::path& path, std::string_view option) {
    if (path.empty()) {
        return failure(fmt::format("{} is not set", option), fmt::format("set {} to a PEM file", option));
    }
    const io::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) {
        const int error_number = errno;
        return failure(
            fmt::format("{} {} cannot be read: {}", option, path.string(), system_message(error_number)),
            error_number == EACCES
                ? fmt::format("let the user of the gateway read it: chown narrowgate {}", path.string())
                : "put the file there, or correct the path");
    }
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return failure(fmt::format("{} {} is not a file", option, path.string()), "name a PEM file");
    }
    if (status.st_size > kMaxFileBytes) {
        return failure(fmt::format("{} {} has {} bytes", option, path.string(), status.st_size),
                       "name a PEM file");
    }
    Bytes raw(static_cast<std::size_t>(status.st_size));
    std::size_t have = 0;
    while (have < raw.size()) {
        const ssize_t count = ::read(fd.get(), raw.data() + have, raw.size() - have);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        have += static_cast<std::size_t>(count);
    }
    const Secret contents(std::move(raw));

    PemFile file;
    file.mode = status.st_mode;
    file.damaged_block = read_blocks(contents.view().first(have), file);
    if (file.certificates.empty() && !file.has_key) {
        const unsigned char* at = contents.view().data();
        file.is_der = CertificatePtr(d2i_X509(nullptr, &at, static_cast<long>(have))) != nullptr;
    }
    if (file.has_key && !file.has_encrypted_key) {
        const BioPtr bio(BIO_new_mem_buf(contents.view().data(), static_cast<int>(have)));
        if (bio) file.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
    }
    // What OpenSSL noted about the tries above must not be found by the next user of this thread's queue.
    ERR_clear_error();
    return file;
}

std::string subject_of(const X509* certificate) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    constexpr unsigned long kFlags = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
    if (!bio || X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, kFlags) < 0) return "?";
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return size <= 0 ? "no subject" : std::string(text, static_cast<std::size_t>(size));
}

WallTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return WallTime(seconds(::timegm(&parts)));
}

std::string day_of(WallTime time) {
    return to_rfc3339(time).substr(0, 10);
}

}  // namespace narrowgate::mqtt
