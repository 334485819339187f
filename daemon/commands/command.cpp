// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/command.hpp"

#include <CLI/CLI.hpp>
#include <utility>

namespace narrowgate::daemon {

Option Option::required() {
    option_->required();
    return *this;
}

Option Option::type_name(const std::string& name) {
    option_->type_name(name);
    return *this;
}

Option Option::capture_default_str() {
    option_->capture_default_str();
    return *this;
}

Option Option::between(std::uint64_t least, std::uint64_t most) {
    // Without a description of its own: the option's help says it where it matters.
    option_->check(CLI::Range(least, most).description(""));
    return *this;
}

Option Option::check(std::function<std::string(const std::string&)> problem) {
    option_->check(
        CLI::Validator([problem = std::move(problem)](std::string& value) { return problem(value); }, ""));
    return *this;
}

Option Option::excludes(Option other) {
    option_->excludes(other.option_);
    return *this;
}

Command Command::add_subcommand(const std::string& name, const std::string& help) const {
    return Command(*app_->add_subcommand(name, help));
}

void Command::require_subcommand(int count) const {
    app_->require_subcommand(count);
}

Option Command::add_option(const std::string& name, std::string& value, const std::string& help) const {
    return Option(*app_->add_option(name, value, help));
}

Option Command::add_option(const std::string& name, std::filesystem::path& value,
                           const std::string& help) const {
    return Option(*app_->add_option(name, value, help));
}

Option Command::add_option(const std::string& name, std::uint64_t& value, const std::string& help) const {
    return Option(*app_->add_option(name, value, help));
}

Option Command::add_flag(const std::string& name, bool& value, const std::string& help) const {
    return Option(*app_->add_flag(name, value, help));
}

Option Command::get_option(const std::string& name) const {
    return Option(*app_->get_option(name));
}

Command Command::add_choice(const std::string& heading) const {
    CLI::Option_group* const group = app_->add_option_group(heading);
    group->require_option(1);
    return Command(*group);
}

void Command::footer(const std::string& text) const {
    app_->footer(text);
}

void Command::callback(std::function<void()> chosen) const {
    app_->callback(std::move(chosen));
}

void Command::callback_when_alone(std::function<void()> chosen) const {
    app_->callback([app = app_, chosen = std::move(chosen)] {
        if (app->get_subcommands().empty()) chosen();
    });
}

}  // namespace narrowgate::daemon
