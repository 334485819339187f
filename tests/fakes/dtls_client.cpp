// SPDX-License-Identifier: Apache-2.0
#include "fakes/dtls_client.hpp"

#include <mbedtls/ssl.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <utility>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::fakes {
namespace {

int random_bytes(void*, unsigned char* out, std::size_t size) {
    crypto::fill_random({out, size});
    return 0;
}

void check(bool holds) {
    if (!holds) std::abort();
}

unsigned char max_fragment_code(std::size_t bytes) {
    switch (bytes) {
        case 512:
            return MBEDTLS_SSL_MAX_FRAG_LEN_512;
        case 1024:
            return MBEDTLS_SSL_MAX_FRAG_LEN_1024;
        case 2048:
            return MBEDTLS_SSL_MAX_FRAG_LEN_2048;
        default:
            return MBEDTLS_SSL_MAX_FRAG_LEN_NONE;
    }
}

}  // namespace

class DtlsClient::Impl {
public:
    explicit Impl(const DtlsClientOptions& options) : options_(options) {
        for (const auto suite : options.suites)
            suites_.push_back(suite);
        suites_.push_back(0);
        mbedtls_ssl_config_init(&config_);
        mbedtls_ssl_init(&ssl_);
        check(mbedtls_ssl_config_defaults(&config_, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT) == 0);
        mbedtls_ssl_conf_rng(&config_, random_bytes, nullptr);
        mbedtls_ssl_conf_ciphersuites(&config_, suites_.data());
        check(mbedtls_ssl_conf_psk(&config_, options_.psk.data(), options_.psk.size(),
                                   options_.identity.data(), options_.identity.size()) == 0);
        check(mbedtls_ssl_conf_cid(&config_, options_.own_cid.size(), MBEDTLS_SSL_UNEXPECTED_CID_IGNORE) ==
              0);
        check(mbedtls_ssl_conf_max_frag_len(&config_, max_fragment_code(options_.max_fragment)) == 0);
        mbedtls_ssl_conf_extended_master_secret(&config_, options_.extended_master_secret
                                                              ? MBEDTLS_SSL_EXTENDED_MS_ENABLED
                                                              : MBEDTLS_SSL_EXTENDED_MS_DISABLED);
        mbedtls_ssl_conf_handshake_timeout(&config_, static_cast<std::uint32_t>(options_.timeout_min.count()),
                                           static_cast<std::uint32_t>(options_.timeout_max.count()));
    }
    ~Impl() {
        mbedtls_ssl_free(&ssl_);
        mbedtls_ssl_config_free(&config_);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void start(SteadyTime now) {
        mbedtls_ssl_free(&ssl_);
        mbedtls_ssl_init(&ssl_);
        check(mbedtls_ssl_setup(&ssl_, &config_) == 0);
        mbedtls_ssl_set_bio(&ssl_, this, send, take_input, nullptr);
        mbedtls_ssl_set_timer_cb(&ssl_, this, set_timer, get_timer);
        mbedtls_ssl_set_mtu(&ssl_, static_cast<std::uint16_t>(options_.mtu));
        mbedtls_ssl_set_datagram_packing(&ssl_, options_.pack_datagrams ? 1 : 0);
        if (options_.offer_cid) {
            check(mbedtls_ssl_set_cid(&ssl_, MBEDTLS_SSL_CID_ENABLED, options_.own_cid.data(),
                                      options_.own_cid.size()) == 0);
        }
        state_ = State::kShakingHands;
        error_ = 0;
        input_.clear();
        step(now);
    }

    void receive(ByteView datagram, SteadyTime now) {
        if (state_ == State::kFailed || state_ == State::kClosed) return;
        advance(now);  // the library would see to its timer in place of the datagram
        input_.emplace_back(datagram.begin(), datagram.end());
        step(now);
    }

    void advance(SteadyTime now) {
        if (final_ && now >= *final_) step(now);
    }

    Bytes seal(ByteView application_data, SteadyTime now) {
        now_ = now;
        check(state_ == State::kEstablished);
        const auto before = std::exchange(output_, {});
        check(mbedtls_ssl_write(&ssl_, application_data.data(), application_data.size()) ==
              static_cast<int>(application_data.size()));
        return std::exchange(output_, before).back();
    }

    Bytes close(SteadyTime now) {
        now_ = now;
        const auto before = std::exchange(output_, {});
        check(mbedtls_ssl_close_notify(&ssl_) == 0);
        state_ = State::kClosed;
        return std::exchange(output_, before).back();
    }

    std::optional<SteadyTime> deadline() const { return final_; }
    std::vector<Bytes> take_datagrams() { return std::exchange(output_, {}); }
    std::vector<Bytes> take_received() { return std::exchange(received_, {}); }
    State state() const { return state_; }
    int error() const { return error_; }

private:
    void step(SteadyTime now) {
        now_ = now;
        if (state_ == State::kShakingHands) {
            const int result = mbedtls_ssl_handshake(&ssl_);
            if (result == 0) state_ = State::kEstablished;
            if (result != 0 && result != MBEDTLS_ERR_SSL_WANT_READ) fail(result);
        }
        while (state_ == State::kEstablished) {
            std::array<std::uint8_t, 2048> buffer;
            const int result = mbedtls_ssl_read(&ssl_, buffer.data(), buffer.size());
            if (result == MBEDTLS_ERR_SSL_WANT_READ) break;
            if (result > 0) {
                received_.emplace_back(buffer.begin(), buffer.begin() + result);
            } else if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
                state_ = State::kClosed;
            } else {
                fail(result);
            }
        }
    }

    void fail(int result) {
        state_ = State::kFailed;
        error_ = result;
        final_.reset();
    }

    static int send(void* self, const unsigned char* data, std::size_t size) {
        static_cast<Impl*>(self)->output_.emplace_back(data, data + size);
        return static_cast<int>(size);
    }
    static int take_input(void* self, unsigned char* out, std::size_t size) {
        auto& input = static_cast<Impl*>(self)->input_;
        if (input.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
        const Bytes datagram = std::move(input.front());
        input.pop_front();
        check(datagram.size() <= size);
        std::ranges::copy(datagram, out);
        return static_cast<int>(datagram.size());
    }
    static void set_timer(void* self, std::uint32_t intermediate_ms, std::uint32_t final_ms) {
        auto& client = *static_cast<Impl*>(self);
        client.intermediate_ = client.now_ + milliseconds(intermediate_ms);
        client.final_.reset();
        if (final_ms != 0) client.final_ = client.now_ + milliseconds(final_ms);
    }
    static int get_timer(void* self) {
        const auto& client = *static_cast<const Impl*>(self);
        if (!client.final_) return -1;
        if (client.now_ >= *client.final_) return 2;
        return client.now_ >= client.intermediate_ ? 1 : 0;
    }

    const DtlsClientOptions options_;
    std::vector<int> suites_;
    mbedtls_ssl_config config_;
    mbedtls_ssl_context ssl_;
    SteadyTime now_;
    SteadyTime intermediate_;
    std::optional<SteadyTime> final_;
    std::deque<Bytes> input_;
    std::vector<Bytes> output_;
    std::vector<Bytes> received_;
    State state_ = State::kShakingHands;
    int error_ = 0;
};

DtlsClient::DtlsClient(const DtlsClientOptions& options) : impl_(std::make_unique<Impl>(options)) {}
DtlsClient::~DtlsClient() = default;
void DtlsClient::start(SteadyTime now) {
    impl_->start(now);
}
void DtlsClient::receive(ByteView datagram, SteadyTime now) {
    impl_->receive(datagram, now);
}
std::optional<SteadyTime> DtlsClient::deadline() const {
    return impl_->deadline();
}
void DtlsClient::advance(SteadyTime now) {
    impl_->advance(now);
}
std::vector<Bytes> DtlsClient::take_datagrams() {
    return impl_->take_datagrams();
}
Bytes DtlsClient::seal(ByteView application_data, SteadyTime now) {
    return impl_->seal(application_data, now);
}
Bytes DtlsClient::close(SteadyTime now) {
    return impl_->close(now);
}
std::vector<Bytes> DtlsClient::take_received() {
    return impl_->take_received();
}
DtlsClient::State DtlsClient::state() const {
    return impl_->state();
}
int DtlsClient::error() const {
    return impl_->error();
}

}  // namespace narrowgate::fakes
