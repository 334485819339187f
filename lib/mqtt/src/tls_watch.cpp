// SPDX-License-Identifier: Apache-2.0
#include "tls_watch.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "alert.hpp"
#include "narrowgate/base/bytes.hpp"
#include "record_meter.hpp"

namespace narrowgate::mqtt {
namespace {

// Of a chain, and of the names in a certificate, what is shown: a broker may send whatever it likes.
constexpr int kMaxCertificates = 6;
constexpr int kMaxNames = 5;
constexpr std::size_t kMaxTextBytes = 160;

// Of a Certificate message without any (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2).
constexpr std::size_t kEmptyCertificateBytes = 8;

struct FreeOpenSsl {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

struct Watched {
    TraceLog* trace = nullptr;
    // Of the present attempt.
    bool tls_known = false;
    bool chain_known = false;
    bool certificate_asked_for = false;
    bool verification_known = false;
    bool handshake_done = false;
};

// State of the process because OpenSSL's registration is: its callback for new connections is set once, for
// all of them, and never taken back. By the port of the tunnel, which is a dialer's own.
struct Registry {
    std::mutex mutex;
    std::map<std::uint16_t, Watched> watched;
};
Registry& registry() {
    static Registry all;
    return all;
}

void on_new_connection(void* connection, void*, CRYPTO_EX_DATA*, int, long, void*);

// Registers once, and gives the slot that each connection has for us: its tunnel's port, because a socket
// that is closed at the far end does not tell it any more.
int slot() {
    static const int index =
        CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, nullptr, on_new_connection, nullptr, nullptr);
    return index;
}

std::uint16_t port_of(const SSL* ssl) {
    return static_cast<std::uint16_t>(reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(ssl, slot())));
}

// Before the first message: the socket is connected by then.
std::uint16_t learn_port(SSL* ssl) {
    if (const std::uint16_t known = port_of(ssl)) return known;
    sockaddr_in address{};
    socklen_t size = sizeof address;
    const int fd = SSL_get_fd(ssl);
    if (fd < 0 || ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
    if (address.sin_family != AF_INET) return 0;
    const std::uint16_t port = ntohs(address.sin_port);
    SSL_set_ex_data(ssl, slot(), reinterpret_cast<void*>(static_cast<std::uintptr_t>(port)));
    return port;
}

std::string bounded(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    if (text.size() > kMaxTextBytes) text = text.substr(0, kMaxTextBytes) + "…";
    return text;
}

std::string text_of(const X509_NAME* name) {
    const std::unique_ptr<BIO, FreeOpenSsl> bio(BIO_new(BIO_s_mem()));
    if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return "?";
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return size <= 0 ? "(no name)" : bounded(std::string(data, static_cast<std::size_t>(size)));
}

std::string date_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// ", for broker.example, *.example": the names that the host of the URL is compared with.
std::string names_of(const X509* certificate) {
    const std::unique_ptr<GENERAL_NAMES, FreeOpenSsl> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::string text;
    const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
    int shown = 0;
    for (int i = 0; i < count && shown < kMaxNames; ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS) {
            const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
            const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
            text += (shown++ == 0 ? ", for " : ", ") + bounded(std::string(data, size));
        } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
            const unsigned char* byte = ASN1_STRING_get0_data(name->d.iPAddress);
            text += fmt::format("{}{}.{}.{}.{}", shown++ == 0 ? ", for " : ", ", byte[0], byte[1], byte[2],
                                byte[3]);
        }
    }
    if (count > shown) text += fmt::format(" and {} more", count - shown);
    return text;
}

std::string words_of(const X509* certificate) {
    return fmt::format("{}, issued by {}, valid from {} to {}{}", text_of(X509_get_subject_name(certificate)),
                       text_of(X509_get_issuer_name(certificate)), date_of(X509_get0_notBefore(certificate)),
                       date_of(X509_get0_notAfter(certificate)), names_of(certificate));
}

void note_tls(const SSL* ssl, Watched& watched) {
    if (watched.tls_known) return;
    const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
    if (cipher == nullptr) cipher = SSL_get_pending_cipher(ssl);
    if (cipher == nullptr) return;
    watched.tls_known = true;
    watched.trace->add(TraceStep::Kind::kTls,
                       fmt::format("{}, {}", SSL_get_version(ssl), SSL_CIPHER_get_name(cipher)));
}

void note_chain(const SSL* ssl, Watched& watched) {
    STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
    if (watched.chain_known || chain == nullptr) return;
    watched.chain_known = true;
    const int count = sk_X509_num(chain);
    for (int i = 0; i < std::min(count, kMaxCertificates); ++i) {
        watched.trace->add(TraceStep::Kind::kCertificate,
                           fmt::format("{} of {}: {}", i + 1, count, words_of(sk_X509_value(chain, i))));
    }
}

void note_verification(const SSL* ssl, Watched& watched) {
    if (watched.verification_known || !watched.chain_known) return;
    watched.verification_known = true;
    const long result = SSL_get_verify_result(ssl);
    watched.trace->add(TraceStep::Kind::kVerified,
                       result == X509_V_OK ? "leads to a root in ca_file"
                                           : std::string(X509_verify_cert_error_string(result)),
                       static_cast<int>(result));
}

// As the library will, after the handshake; it says nothing of the result.
void note_host_name(const SSL* ssl, Watched& watched) {
    const char* host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    X509* certificate = SSL_get0_peer_certificate(ssl);
    if (host == nullptr || certificate == nullptr) return;
    const bool matches = X509_check_host(certificate, host, 0, 0, nullptr) == 1 ||
                         X509_check_ip_asc(certificate, host, 0) == 1;
    // What a failed check noted must not be found by the library.
    ERR_clear_error();
    watched.trace->add(TraceStep::Kind::kHostName,
                       fmt::format("the certificate is {}for {}", matches ? "" : "not ", bounded(host)),
                       matches ? 0 : 1);
}

void handshake_done(const SSL* ssl, Watched& watched) {
    if (std::exchange(watched.handshake_done, true)) return;
    note_chain(ssl, watched);
    note_verification(ssl, watched);
    note_host_name(ssl, watched);
    if (!watched.certificate_asked_for)
        watched.trace->add(TraceStep::Kind::kOwnCertificate, "the broker does not ask for it");
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &protocol, &size);
    if (size > 0) {
        watched.trace->add(TraceStep::Kind::kAlpn,
                           bounded(std::string(reinterpret_cast<const char*>(protocol), size)));
    }
}

void note_message(const SSL* ssl, Watched& watched, bool written, ByteView message) {
    const std::uint8_t type = message.front();
    note_tls(ssl, watched);
    if (!written && type == kTypeCertificateRequest) watched.certificate_asked_for = true;
    // The two hellos are seen on the wire.
    if (type != kTypeClientHello && type != kTypeServerHello) {
        TraceStep step;
        step.kind = TraceStep::Kind::kMessage;
        step.direction = written ? Direction::kToServer : Direction::kFromServer;
        step.handshake_type = type;
        step.size_bytes = message.size();
        watched.trace->add(std::move(step));
    }
    if (written && type == kTypeCertificate) {
        const X509* own = SSL_get_certificate(ssl);
        const bool sent = message.size() > kEmptyCertificateBytes && own != nullptr;
        watched.trace->add(TraceStep::Kind::kOwnCertificate,
                           sent ? "sent: " + words_of(own)
                                : "asked for, and none sent: the broker takes no kind that we have");
    }
}

// Whether a first record of application data is being written, which is CONNECT. TLS 1.3 tells its inner type
// (RFC 8446 section 5.2).
bool is_first_data(const SSL* ssl, int what, ByteView bytes) {
    const int wanted = SSL_version(ssl) == TLS1_3_VERSION ? SSL3_RT_INNER_CONTENT_TYPE : SSL3_RT_HEADER;
    return what == wanted && bytes.front() == kTypeApplicationData;
}

void on_message(int written, int, int what, const void* data, std::size_t size, SSL* ssl, void*) {
    if (size == 0) return;
    const ByteView bytes(static_cast<const std::uint8_t*>(data), size);
    const std::scoped_lock lock(registry().mutex);
    const auto found = registry().watched.find(learn_port(ssl));
    if (found == registry().watched.end()) return;
    Watched& watched = found->second;
    if (what == SSL3_RT_HANDSHAKE) {
        // Session tickets after the handshake are of no interest.
        if (!watched.handshake_done) note_message(ssl, watched, written != 0, bytes);
    } else if (written != 0 && watched.handshake_done && is_first_data(ssl, what, bytes)) {
        // Of it the header passes here, its size with the record; from now on records pass unseen.
        watched.trace->add(TraceStep::Kind::kConnect, {});
        SSL_set_msg_callback(ssl, nullptr);
    }
}

void on_info(const SSL* ssl, int where, int value) {
    const std::scoped_lock lock(registry().mutex);
    const auto found = registry().watched.find(port_of(ssl));
    if (found == registry().watched.end()) return;
    Watched& watched = found->second;
    if ((where & SSL_CB_ALERT) != 0) {
        note_chain(ssl, watched);
        const bool read = (where & SSL_CB_READ) != 0;
        if (!read) note_verification(ssl, watched);
        TraceStep step;
        step.kind = TraceStep::Kind::kAlert;
        step.direction = read ? Direction::kFromServer : Direction::kToServer;
        step.code = value & 0xFF;
        step.detail = alert_name(static_cast<std::uint8_t>(step.code));
        watched.trace->add(std::move(step));
    } else if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        handshake_done(ssl, watched);
    } else if ((where & SSL_CB_LOOP) != 0 && !watched.handshake_done) {
        note_tls(ssl, watched);
        note_chain(ssl, watched);
    }
}

// Of every TLS connection that this process makes, before it has a socket.
void on_new_connection(void* connection, void*, CRYPTO_EX_DATA*, int, long, void*) {
    auto* ssl = static_cast<SSL*>(connection);
    // In place of the library's own, which write its debug log.
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_info_callback(ssl, on_info);
}

}  // namespace

TlsWatch::TlsWatch(std::uint16_t port, TraceLog& trace) : port_(port) {
    (void)slot();
    const std::scoped_lock lock(registry().mutex);
    registry().watched[port_] = Watched{.trace = &trace};
}

TlsWatch::~TlsWatch() {
    const std::scoped_lock lock(registry().mutex);
    registry().watched.erase(port_);
}

void TlsWatch::begin() {
    const std::scoped_lock lock(registry().mutex);
    Watched& watched = registry().watched[port_];
    watched = Watched{.trace = watched.trace};
}

}  // namespace narrowgate::mqtt
