// SPDX-License-Identifier: Apache-2.0
//
// A Modem on real descriptors: a unix socket or a pseudo-terminal for its UART, UDP sockets for its network.
// One thread, one epoll.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/file_descriptor.hpp"
#include "sim/modem.hpp"
#include "sim/poller.hpp"

namespace narrowgate::sim {

struct ModemProcessOptions {
    std::string socket_path;         // of a unix socket to listen on; empty: a pseudo-terminal
    std::string link_path;           // a symbolic link to the pseudo-terminal; empty: none
    std::optional<Address> gateway;  // where all datagrams go, whomever the node names
    std::string log_path;            // modem_log.hpp; empty: none
    bool log_dialogue = false;       // what is heard and said too
    ModemOptions modem;
    std::uint64_t seed = 1;
};

// Thread: its owner's.
class ModemProcess {
public:
    // Opens everything. SIGTERM, SIGINT and SIGUSR1 must be blocked in the process, SIGPIPE ignored.
    static Expected<std::unique_ptr<ModemProcess>> make(const ModemProcessOptions& options);
    ~ModemProcess();

    // Where the node finds it: the socket, or the pseudo-terminal.
    const std::string& path() const { return path_; }

    // Until SIGTERM or SIGINT; SIGUSR1 rebinds. Obeys standard input (modem_control.hpp) and prints counts to
    // standard output. On a unix socket the modem is switched on by the first node that comes; a later one
    // takes its place at the same modem.
    Expected<void> run();

    // One line of JSON.
    std::string counts_text() const;

private:
    struct Outside {
        FileDescriptor socket;
        Address named;  // by the node, for whom the last datagram was
    };

    explicit ModemProcess(const ModemProcessOptions& options);

    Expected<void> open_serial();
    Expected<void> open_pty();
    void switch_on(Now now);
    void accept_node(Now now);
    void read_node(Now now);
    void lose_node();
    void write_node(Bytes bytes);
    void send(const Modem::Uplink& uplink);
    void read_outside(std::uint16_t number, Now now);
    void read_commands(Now now);
    bool read_signals(Now now);
    bool dispatch(std::uint64_t tag, Now now);

    const ModemProcessOptions options_;
    SystemClock clock_;
    std::string path_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> log_{nullptr, &std::fclose};
    std::optional<Modem> modem_;
    Poller poller_;
    FileDescriptor listener_;  // of the unix socket
    FileDescriptor terminal_;  // the node's end of the pseudo-terminal, held so that it never hangs up
    FileDescriptor node_;
    Bytes unsent_;  // that the node does not take
    bool waits_to_write_ = false;
    std::vector<Outside> outside_;  // by the modem's numbers
    std::uint64_t astray_ = 0;      // datagrams to nobody on this machine
};

}  // namespace narrowgate::sim
