// SPDX-License-Identifier: Apache-2.0
//
// Commands as a person types them: real files, a real store, and no daemon.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "daemon/commands/command_line.hpp"
#include "daemon/config_texts.hpp"
#include "daemon/text_files.hpp"
#include "fakes/child_process.hpp"
#include "fakes/manual_clock.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

class CommandTest : public ::testing::Test {
protected:
    // The configuration of a gateway in this folder, without certificates; the file's path.
    static std::filesystem::path write_gateway(const std::filesystem::path& folder) {
        write_text_file(folder / "narrowgate.toml", kGatewayText);
        write_text_file(folder / "fleets.d/water-meters.toml", kFleetText);
        return folder / "narrowgate.toml";
    }

    // What it reads is in input_, and then no more; what it wrote is in out_ and err_.
    ExitCode type_as_is(const std::vector<std::string>& words) {
        std::istringstream in(std::exchange(input_, ""));
        std::ostringstream out;
        std::ostringstream err;
        const ExitCode code = run_command_line(words, {.in = in, .out = out, .err = err}, clock_,
                                               [this](const std::filesystem::path&, const Config& config) {
                                                   ran_ = config.gateway.name;
                                                   return ExitCode::kOk;
                                               });
        out_ = out.str();
        err_ = err.str();
        return code;
    }
    // With `--config` added.
    ExitCode type_at(const std::filesystem::path& config, std::vector<std::string> words) {
        words.insert(words.end(), {"--config", config.string()});
        return type_as_is(words);
    }

    // The store of the gateway in this folder.
    std::unique_ptr<store::Store> open_store(const std::filesystem::path& folder) {
        store::Options options;
        options.directory = folder / "state";
        auto store = store::Store::open(options, log_, clock_);
        EXPECT_TRUE(store.has_value()) << store.error().text();
        return std::move(*store);
    }

    fakes::TemporaryDirectory directory_;
    fakes::ManualClock clock_;
    Log log_{LogLevel::kError};
    std::string input_;
    std::string out_;
    std::string err_;
    std::string ran_;  // the name of the gateway that `run` would have run
};

}  // namespace narrowgate::daemon
