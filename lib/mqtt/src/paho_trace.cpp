// SPDX-License-Identifier: Apache-2.0
#include "paho_trace.hpp"

#include <MQTTAsync.h>

#include <array>
#include <mutex>
#include <string_view>
#include <utility>

namespace narrowgate::mqtt {
namespace {

// State of the process because the library's trace is: its callback has no context argument.
struct Users {
    std::mutex mutex;
    unsigned count = 0;
};
Users& users() {
    static Users all;
    return all;
}

// More than one failure leaves are of no interest.
constexpr std::size_t kMaxLines = 8;

std::vector<std::string>& lines_of_this_thread() {
    thread_local std::vector<std::string> lines;
    return lines;
}

// Comes on paho's threads with its locks held: nothing of paho may be called.
void on_line(MQTTASYNC_TRACE_LEVELS, char* message) {
    if (message == nullptr) return;
    const std::string_view whole(message);
    std::vector<std::string>& lines = lines_of_this_thread();
    if (whole.find("SSL handshake started") != std::string_view::npos) {
        lines.clear();
        return;
    }
    static constexpr std::array<std::string_view, 3> kTelling = {
        "SSL alert read:fatal:", "SSL alert write:fatal:", "X509_check_host for hostname "};
    for (const std::string_view start : kTelling) {
        const std::size_t at = whole.find(start);
        if (at != std::string_view::npos && lines.size() < kMaxLines) lines.emplace_back(whole.substr(at));
    }
    // For a host that is an address, the check of its name fails first.
    if (whole.find("rc from X509_check_ip_asc is 1") != std::string_view::npos) lines.clear();
}

}  // namespace

PahoTrace::PahoTrace() {
    const std::scoped_lock lock(users().mutex);
    if (users().count++ > 0) return;
    MQTTAsync_setTraceCallback(on_line);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_MINIMUM);
}

PahoTrace::~PahoTrace() {
    const std::scoped_lock lock(users().mutex);
    // Formatting a line for each packet is not free: outside of attempts the trace is off.
    if (--users().count == 0) MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_FATAL);
}

std::vector<std::string> PahoTrace::take_lines() {
    return std::exchange(lines_of_this_thread(), {});
}

}  // namespace narrowgate::mqtt
