// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-node: the firmware's portable core on Linux.
#include <signal.h>

#include <cstdio>

#include "boards/host/fleet.hpp"
#include "boards/host/identities.hpp"
#include "boards/host/options.hpp"

namespace {

int complain(const std::string& text) {
    std::fprintf(stderr, "narrowgate-node: %s\n", text.c_str());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace narrowgate::host;
    const auto options = read_options(argc, argv);
    if (!options) return complain(options.error());
    if (options->help) {
        std::fputs(help_text(), stdout);
        return 0;
    }
    auto identities = read_identities(*options);
    if (!identities) return complain(identities.error());

    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1})
        ::sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // a modem that has gone is noticed where it is read

    auto fleet = Fleet::make(*options, std::move(*identities));
    if (!fleet) return complain(fleet.error());
    return (*fleet)->run() ? 0 : 1;
}
