// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_exchange.hpp"

#include <cstdlib>

namespace narrowgate::daemon {

std::string_view fate_of(const DeviceExchange& exchange) {
    if (exchange.message != coap::MessageFate::kRequest) return coap::name_of(exchange.message);
    switch (exchange.end) {
        case ExchangeEnd::kSettled:
            if (exchange.response_bytes == 0) return "silent";
            return coap::class_of(exchange.code) >= 4 ? "refused" : "answered";
        case ExchangeEnd::kStoreFull:
            return "store_full";
        case ExchangeEnd::kOverloaded:
            return "overloaded";
        case ExchangeEnd::kCommitFailed:
            return "commit_failed";
        case ExchangeEnd::kQueueFull:
            return "queue_full";
    }
    std::abort();
}

}  // namespace narrowgate::daemon
