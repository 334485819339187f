// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate diagnose upstream`: one attempt of its own to connect to a broker.
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/diagnose.hpp"

namespace narrowgate::daemon {
namespace {

ExitCode diagnose(const Invocation& invocation, const std::string& name) {
    const auto config = read_config(invocation.config_file);
    if (!config) return invocation.fail(config.error());
    const UpstreamConfig* upstream = config->upstream(name);
    if (upstream == nullptr) {
        return invocation.fail({fmt::format("there is no upstream \"{}\"", name),
                                "name one of the [[upstream]] tables of the configuration"});
    }
    const auto problems = mqtt::problems_of(upstream->connection, invocation.clock.now().wall);
    if (!problems.empty()) return invocation.fail(problems.front());
    invocation.console.out << "The files of the upstream are right.\n";
    return ExitCode::kOk;
}

}  // namespace

void add_diagnose_upstream(CLI::App& diagnose_command, Invocation& invocation) {
    CLI::App* command = diagnose_command.add_subcommand("upstream", "One attempt to connect to a broker");
    const auto name = std::make_shared<std::string>();
    command->add_option("name", *name, "The upstream's name")->required()->type_name("NAME");
    add_config_option(*command, invocation);
    command->callback([&invocation, name] {
        invocation.action = [&invocation, name] { return diagnose(invocation, *name); };
    });
}

}  // namespace narrowgate::daemon
