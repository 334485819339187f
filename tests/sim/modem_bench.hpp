// SPDX-License-Identifier: Apache-2.0
//
// A modem on a test's bench: a node's side of its UART, the internet's side of its network, and time that
// passes when the test says so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fakes/manual_clock.hpp"
#include "sim/modem.hpp"

namespace narrowgate::sim {

// What a modem says, as it comes over the line.
inline const std::string kOk = "\r\nOK\r\n";

inline std::string line(std::string_view text) {
    return "\r\n" + std::string(text) + "\r\n";
}

inline const Address kBenchPeer = *Address::from_text("127.0.0.1:5684");

// Thread: the test's.
class ModemBench {
public:
    explicit ModemBench(const ModemOptions& options = plain(), std::uint64_t seed = 1)
        : modem(options, seed, clock.now(),
                [this](const ModemEvent& event) { kinds.push_back(event.kind); }) {}

    // Unpaced, and without a word at its start.
    static ModemOptions plain() {
        ModemOptions options;
        options.manners.baud = 0;
        options.life.banner = Banner::kNone;
        return options;
    }

    // Time passes, and things happen each at its moment.
    void run(std::chrono::microseconds duration) {
        const SteadyTime end = clock.now().steady + duration;
        for (auto next = modem.deadline(); next && *next <= end; next = modem.deadline()) {
            move_to(*next);
            collect();
        }
        move_to(end);
        collect();
    }

    // As it is, and what comes of it at once.
    void say(std::string_view text) {
        modem.receive(bytes_of(text), clock.now());
        collect();
    }

    // A command, and what is said until its final line has come or for so long.
    std::string ask(const std::string& command, milliseconds patience = milliseconds(5'000)) {
        heard.clear();
        say(command + "\r");
        const SteadyTime end = clock.now().steady + patience;
        while (!has_final() && clock.now().steady < end)
            run(milliseconds(1));
        return heard;
    }

    // Started, registered, with URCs on and a socket; what was said so far is forgotten.
    void get_ready() {
        run(seconds(10));
        for (const char* command : {"AT+CMEE=1", "AT+CSCON=1", "AT+NPSMR=1", "AT+NSOCR=\"DGRAM\",17,0,1"})
            (void)ask(command);
        heard.clear();
    }

    // Through the modem to the peer, and the outside port that it comes from.
    std::string send(std::string_view hex, std::string_view flags = "") {
        const std::string length = std::to_string(hex.size() / 2);
        const std::string verb = flags.empty() ? "AT+NSOST=" : "AT+NSOSTF=";
        const std::string infix = flags.empty() ? "" : std::string(flags) + ",";
        return ask(verb + "0,\"127.0.0.1\",5684," + infix + length + ",\"" + std::string(hex) + "\"");
    }
    // From the peer, to where the last datagram came from.
    void reply(ByteView datagram) {
        modem.arrive(uplinks.back().outside_port, kBenchPeer, datagram, clock.now());
        collect();
    }

    fakes::ManualClock clock;
    std::vector<ModemEvent::Kind> kinds;  // of all events
    Modem modem;
    std::string heard;  // by the node
    std::vector<Modem::Uplink> uplinks;

private:
    void move_to(SteadyTime at) {
        clock.advance(std::chrono::ceil<std::chrono::microseconds>(at - clock.now().steady));
    }
    void collect() {
        heard += text_of(modem.transmit(clock.now()));
        while (auto uplink = modem.take_uplink(clock.now()))
            uplinks.push_back(std::move(*uplink));
    }
    bool has_final() const {
        const auto error = heard.find("ERROR");
        return heard.find("OK\r\n") != std::string::npos ||
               (error != std::string::npos && heard.find("\r\n", error) != std::string::npos);
    }
};

}  // namespace narrowgate::sim
