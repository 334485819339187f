// SPDX-License-Identifier: Apache-2.0
//
// The driver on a virtual board, and a modem that a test scripts: it answers each command by a table, in
// virtual time. What it does by default is a SARA-N2 on a good day; a test says what is different.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firmware/virtual_port.hpp"
#include "modem/sara_n2.h"
#include "narrowgate/base/bytes.hpp"

namespace narrowgate::firmware {

class ScriptedModem {
public:
    // A script's answer to a command: what the modem says, "" for silence, nothing for what it does by
    // default.
    using Answer = std::optional<std::string>;
    std::function<Answer(std::string_view command)> script;

    // Lets `step` run for so long at most; true as soon as `until` holds. `passed` hears of all time that
    // passes.
    bool run_with(std::uint32_t ms, const std::function<std::uint32_t()>& step,
                  const std::function<bool()>& until,
                  const std::function<void(std::uint32_t)>& passed = nullptr) {
        const std::uint32_t end = board.now + ms;
        for (int turns = 0; turns < 400'000; ++turns) {
            const std::uint32_t wait = step();
            if (until()) return true;
            if (hear_commands() || wait == 0) continue;
            const std::uint32_t left = port_until(board.now, end);
            if (left == 0) return false;
            std::uint32_t time = std::min(wait, left);
            if (!later_.empty()) time = std::min(time, port_until(board.now, later_.front().first));
            time = std::max<std::uint32_t>(time, 1);
            board.advance(time);
            if (passed) passed(time);
            while (!later_.empty() && port_reached(board.now, later_.front().first)) {
                board.type(later_.front().second);
                later_.pop_front();
            }
        }
        ADD_FAILURE() << "the driver spins";
        return false;
    }

    // News of the modem, now or later.
    void says(std::string_view text) { board.type(text); }
    void says_later(std::uint32_t ms, std::string text) {
        later_.emplace_back(board.now + ms, std::move(text));
    }
    // It restarts: what it was told is gone.
    void reboots() {
        cmee = cereg_mode = 0;
        open.clear();
        arrived.clear();
        says("\r\n\x80\xff\r\nREBOOT_CAUSE_UNKNOWN\r\nu-blox \r\nOK\r\n");
    }

    unsigned count(std::string_view prefix) const {
        return static_cast<unsigned>(std::ranges::count_if(
            commands, [&](const std::string& command) { return command.starts_with(prefix); }));
    }

    VirtualPort board;
    std::vector<std::string> commands;

    // The modem's state.
    int cmee = 0, cereg_mode = 0;
    int stat = 1;
    bool attached = true;
    bool modem_sleeps = false;  // the first bytes are lost, and wake it
    bool silent = false;
    std::set<int> open;
    struct Datagram {
        std::string text;
        std::string address = "192.0.2.1";
        int port = 5684;
    };
    std::deque<Datagram> arrived;
    std::vector<std::pair<std::string, std::string>> sent;  // flags and data
    std::function<void(const std::string& data)> on_sent;
    std::string short_form = "OK";  // of an empty +NSORF

private:
    bool hear_commands() {
        half_ += board.take_written();
        bool heard = false;
        for (std::size_t end; (end = half_.find('\r')) != std::string::npos;) {
            std::string command = half_.substr(0, end);
            half_.erase(0, end + 1);
            heard = true;
            if (silent) continue;
            if (std::exchange(modem_sleeps, false)) command.erase(0, 1);
            commands.push_back(command);
            const Answer scripted = script ? script(command) : std::nullopt;
            board.type(scripted ? *scripted : usual(command));
        }
        return heard;
    }

    static std::string lines(std::string_view text) { return "\r\n" + std::string(text) + "\r\n\r\nOK\r\n"; }
    std::string error(int code) const {
        return cmee == 1 ? "\r\n+CME ERROR: " + std::to_string(code) + "\r\n" : "\r\nERROR\r\n";
    }

    std::string usual(const std::string& command) {
        if (command == "AT+CGMM") return lines("SARA-N211-02X-00");
        if (command == "AT+CGMR") return lines("06.57,A07.03");
        if (command == "AT+CMEE?") return lines("+CMEE: " + std::to_string(cmee));
        if (command == "AT+CEREG?")
            return lines("+CEREG: " + std::to_string(cereg_mode) + "," + std::to_string(stat));
        if (command == "AT+CGATT?") return lines(attached ? "+CGATT: 1" : "+CGATT: 0");
        if (command == "AT+CMEE=1") cmee = 1;
        if (command == "AT+CEREG=1") cereg_mode = 1;
        if (command.starts_with("AT+NSOCR=")) {
            int socket = 0;
            while (open.contains(socket))
                ++socket;
            if (socket == 7) return error(23);
            open.insert(socket);
            return lines(std::to_string(socket));
        }
        if (command.starts_with("AT+NSOCL="))
            return open.erase(std::stoi(command.substr(9))) == 1 ? "\r\nOK\r\n" : error(50);
        if (command.starts_with("AT+NSOST")) return send(command);
        if (command.starts_with("AT+NSORF=")) return receive(command);
        return command.starts_with("AT") ? "\r\nOK\r\n" : "\r\nERROR\r\n";
    }

    std::string send(const std::string& command) {
        std::vector<std::string> fields;
        std::string rest = command.substr(command.find('=') + 1);
        for (std::size_t at; (at = rest.find(',')) != std::string::npos; rest.erase(0, at + 1))
            fields.push_back(rest.substr(0, at));
        fields.push_back(rest);
        const bool flags = command.starts_with("AT+NSOSTF");
        if (fields.size() != (flags ? 6U : 5U)) return error(50);
        const auto& hex = fields.back();
        const auto data = from_hex(std::string_view(hex).substr(1, hex.size() - 2));
        const int socket = std::stoi(fields[0]);
        const auto size = std::stoul(fields[flags ? 4 : 3]);
        if (!open.contains(socket) || !data || data->size() != size || size > 512 ||
            fields[1] != "\"192.0.2.1\"" || fields[2] != "5684")
            return error(50);
        sent.emplace_back(flags ? fields[3] : "", std::string(data->begin(), data->end()));
        if (on_sent) on_sent(sent.back().second);
        return lines(fields[0] + "," + std::to_string(size));
    }

    std::string receive(const std::string& command) {
        const std::string socket = command.substr(9, 1);
        if (!open.contains(std::stoi(socket))) return error(50);
        if (arrived.empty()) return short_form == "OK" ? "\r\nOK\r\n" : lines(short_form);
        const Datagram datagram = arrived.front();
        arrived.pop_front();
        std::size_t left = 0;
        for (const Datagram& each : arrived)
            left += each.text.size();
        return "\r" + lines(socket + ",\"" + datagram.address + "\"," + std::to_string(datagram.port) + "," +
                            std::to_string(datagram.text.size()) + ",\"" + to_hex(bytes_of(datagram.text)) +
                            "\"," + std::to_string(left));
    }

    std::string half_;
    std::deque<std::pair<std::uint32_t, std::string>> later_;
};

class ModemBench : public ScriptedModem {
public:
    explicit ModemBench(const sn_options& options = standard()) { sn_init(&sn, &options, board.get()); }

    static sn_options standard() {
        return {.gateway = "192.0.2.1",
                .gateway_port = 5684,
                .apn = "iot.example",
                .plmn = "",
                .active_s = 6,
                .periodic_s = 86'400,
                .edrx = ""};
    }

    bool run(std::uint32_t ms, const std::function<bool()>& until) {
        return run_with(ms, [this] { return sn_step(&sn); }, until);
    }
    void run(std::uint32_t ms) {
        run(ms, [] { return false; });
    }
    bool becomes_ready(std::uint32_t ms = 120'000) {
        return run(ms, [this] { return sn_is_ready(&sn); });
    }
    bool starts(std::int32_t kept_socket = SN_NO_SOCKET) {
        sn_start(&sn, kept_socket);
        return becomes_ready();
    }
    // Sends, and says what became of it.
    sn_sending sends(std::string_view text, sn_release release = SN_RELEASE_AFTER) {
        out_.assign(text.begin(), text.end());
        if (!sn_send(&sn, out_.data(), out_.size(), release)) return SN_NOTHING;
        run(120'000, [this] { return sn.sending != SN_BUSY; });
        const sn_sending became = sn.sending;
        sn_sending_seen(&sn);
        return became;
    }
    // The next datagram that comes up within `ms`.
    std::string receives(std::uint32_t ms = 5'000) {
        std::size_t size = 0;
        if (!run(ms, [&] { return sn_received(&sn, &size) != nullptr; })) return {};
        const std::uint8_t* bytes = sn_received(&sn, &size);
        std::string text(bytes, bytes + size);
        sn_received_seen(&sn);
        return text;
    }

    sara_n2 sn;

private:
    std::vector<std::uint8_t> out_;
};

}  // namespace narrowgate::firmware
