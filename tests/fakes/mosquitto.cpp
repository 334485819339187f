// SPDX-License-Identifier: Apache-2.0
#include "fakes/mosquitto.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "fakes/process_output.hpp"

namespace narrowgate::fakes {

Mosquitto::Mosquitto(Options options) : options_(std::move(options)), port_(free_port()) {
    // Tests that run beside this one look for free ports too: one of us may be too late.
    for (int tries = 4;; --tries) {
        try {
            start();
            return;
        } catch (const std::runtime_error&) {
            if (tries == 0) throw;
            port_ = free_port();
        }
    }
}

void Mosquitto::start() {
    const auto at = [&](const char* file) { return (directory_.path() / file).string(); };
    std::string config = fmt::format(
        "listener {} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n"
        "use_identity_as_username true\nlog_type all\nconnection_messages true\n",
        port_, options_.root.string(), options_.certificate.certificate.string(),
        options_.certificate.key.string());
    // Else it becomes the user mosquitto, who may not read a directory of mode 0700.
    if (::geteuid() == 0) config += "user root\n";
    if (!options_.access_rules.empty()) {
        std::ofstream(at("acl")) << options_.access_rules;
        config += fmt::format("acl_file {}\n", at("acl"));
    }
    std::ofstream(at("mosquitto.conf")) << config << options_.further_lines;
    std::vector<std::string> command{"mosquitto", "-c", at("mosquitto.conf")};
    if (options_.tls_1_2_only) {
        // mosquitto's own setting is a least version.
        std::ofstream(at("openssl.cnf")) << "openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\n"
                                            "MaxProtocol=TLSv1.2\n";
        command.insert(command.begin(), {"env", "OPENSSL_CONF=" + at("openssl.cnf")});
    }
    const std::size_t said_before = log().size();
    process_.emplace(std::move(command), at("log"));
    wait_for_log(" running", said_before);  // after it has opened its listener
}

void Mosquitto::wait_for_log(const std::string& text, std::size_t from) {
    wait_for_output(
        *process_, directory_.path() / "log",
        [&](const std::string& log) { return log.find(text, from) != std::string::npos; },
        "mosquitto to say '" + text + "'");
}

std::string Mosquitto::url(const std::string& host) const {
    return fmt::format("mqtts://{}:{}", host, port_);
}

void Mosquitto::stop() {
    if (process_) process_->stop();
    process_.reset();
}
void Mosquitto::kill() {
    process_.reset();
}
void Mosquitto::freeze() {
    process_->signal(SIGSTOP);
}
void Mosquitto::thaw() {
    process_->signal(SIGCONT);
}

void Mosquitto::subscribe(const std::string& topic, const KeyPair& as) {
    const std::size_t said_before = log().size();
    // -c and an id: a broker that is started again still knows what it has not delivered, and mosquitto_sub
    // connects again by itself.
    subscriber_.emplace(std::vector<std::string>{"mosquitto_sub",
                                                 "-h",
                                                 "localhost",
                                                 "-p",
                                                 std::to_string(port_),
                                                 "-V",
                                                 "5",
                                                 "-q",
                                                 "1",
                                                 "-t",
                                                 topic,
                                                 "-i",
                                                 "subscriber",
                                                 "-F",
                                                 "%t %p",
                                                 "--cafile",
                                                 options_.root.string(),
                                                 "--cert",
                                                 as.certificate.string(),
                                                 "--key",
                                                 as.key.string()},
                        directory_.path() / "received");
    wait_for_log("Sending SUBACK to subscriber", said_before);
}

std::vector<std::string> Mosquitto::received() const {
    std::vector<std::string> lines;
    std::ifstream file(directory_.path() / "received");
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

std::string Mosquitto::log() const {
    return text_of_file(directory_.path() / "log");
}

}  // namespace narrowgate::fakes
