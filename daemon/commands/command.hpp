// SPDX-License-Identifier: Apache-2.0
//
// A command of the command line and what it takes, as the commands declare it. The parser behind it is
// CLI11, which command.cpp alone includes: compiled into each command it takes three quarters of their time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace narrowgate::daemon {

// A name for something of the parser's, valid as long as the parser. Each call returns the option itself.
class Option {
public:
    explicit Option(CLI::Option& option) : option_(&option) {}

    Option required();
    // What stands for the value in the help: "FILE".
    Option type_name(const std::string& name);
    // The help shows what the variable holds now.
    Option capture_default_str();
    // A number of this range, both ends included.
    Option between(std::uint64_t least, std::uint64_t most);
    // `problem` says what is wrong with a value; nothing: it is right.
    Option check(std::function<std::string(const std::string&)> problem);
    // Not together with that one of the same command.
    Option excludes(Option other);

private:
    CLI::Option* option_;
};

// The same of a command. Names are those that CLI11 has, who knows one knows the other.
class Command {
public:
    explicit Command(CLI::App& app) : app_(&app) {}

    Command add_subcommand(const std::string& name, const std::string& help) const;
    // So many of its subcommands must follow.
    void require_subcommand(int count) const;
    // "--name" or, without dashes, what stands at that place. The variable outlives the parser.
    Option add_option(const std::string& name, std::string& value, const std::string& help) const;
    Option add_option(const std::string& name, std::filesystem::path& value, const std::string& help) const;
    Option add_option(const std::string& name, std::uint64_t& value, const std::string& help) const;
    Option add_flag(const std::string& name, bool& value, const std::string& help) const;
    // One that is there.
    Option get_option(const std::string& name) const;
    // Exactly one of what is added to it must be given.
    Command add_choice(const std::string& heading) const;
    // What the help ends with.
    void footer(const std::string& text) const;
    // Called when the arguments name this command.
    void callback(std::function<void()> chosen) const;
    // The same of one whose subcommands may all be left out.
    void callback_when_alone(std::function<void()> chosen) const;

private:
    CLI::App* app_;
};

}  // namespace narrowgate::daemon
