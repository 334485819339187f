// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-translator: a stand-in for the protocol translator of Pelion Edge, at a broker's loopback
// listener.
#include <MQTTClient.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/translator.hpp"

namespace {

using namespace narrowgate;
using Clock = std::chrono::steady_clock;

// What it ends with when the original would have been killed, and when Edge Core does not take it.
constexpr int kKilled = 3;
constexpr int kNotTaken = 4;
constexpr int kReceiveMilliseconds = 20;
constexpr std::chrono::milliseconds kRecordInterval{100};

volatile sig_atomic_t ended = 0;  // by a signal: a handler can reach nothing else

void end(int) {
    ended = 1;
}

// What Edge holds: a whole file or the one before, since tests read it at any time.
class RecordFile {
public:
    explicit RecordFile(std::string file) : file_(std::move(file)) {}

    void write(nlohmann::json record) {
        if (record == written_) return;
        written_ = std::move(record);
        const std::string part = file_ + ".part";
        std::ofstream(part) << written_.dump() << '\n';
        std::error_code ignored;
        std::filesystem::rename(part, file_, ignored);
    }

private:
    const std::string file_;
    nlohmann::json written_;
};

struct DestroyClient {
    void operator()(void* client) const { MQTTClient_destroy(&client); }
};

}  // namespace

int main(int argc, char** argv) {
    std::string host = "127.0.0.1", record_file;
    int port = 1883, start_delay = 100, node_delay = 50;
    std::vector<std::string> refusals;
    sim::Translator::Options options;

    CLI::App app(
        "Stands in for the MQTT protocol translator of Pelion Edge: subscribes to MQTT/# and MQTTGw/# at a "
        "broker's plain listener and behaves as that one does. When the connection ends it becomes deaf and "
        "stays so, like the original. Ends with status 3 and the broken rule where the original would be "
        "killed by what it was sent, with 4 when it fails to register.");
    app.option_defaults()->always_capture_default();
    app.add_option("--mosquitto-host", host, "The broker's");
    app.add_option("--mosquitto-port", port, "The broker's");
    app.add_option("--record", record_file, "File for what Edge holds, as JSON, rewritten as it changes")
        ->required();
    app.add_option("--max-nodes", options.max_nodes, "Of Edge Core");
    app.add_option("--start-delay", start_delay, "Milliseconds until it is registered");
    app.add_option("--node-delay", node_delay, "Milliseconds until a node is");
    app.add_flag("--fail-registration", options.fails_to_register, "Edge Core does not take the translator");
    app.add_option("--refuse", refusals, "NODE=COUNT: refuse its registration so often");
    app.add_option("--silent", options.silent, "Never answer about this node");
    CLI11_PARSE(app, argc, argv);
    options.start_delay = std::chrono::milliseconds(start_delay);
    options.node_delay = std::chrono::milliseconds(node_delay);
    for (const std::string& refusal : refusals) {
        const auto sign = refusal.find('=');
        options.refusals[refusal.substr(0, sign)] =
            sign == std::string::npos ? 1 : static_cast<unsigned>(std::stoul(refusal.substr(sign + 1)));
    }

    MQTTClient made = nullptr;
    const std::string url = fmt::format("tcp://{}:{}", host, port);
    const std::string id = fmt::format("translator-{:x}", Clock::now().time_since_epoch().count());
    if (MQTTClient_create(&made, url.c_str(), id.c_str(), MQTTCLIENT_PERSISTENCE_NONE, nullptr) !=
        MQTTCLIENT_SUCCESS) {
        return 1;
    }
    const std::unique_ptr<void, DestroyClient> client(made);
    MQTTClient_connectOptions connect = MQTTClient_connectOptions_initializer;
    connect.cleansession = 1;
    connect.keepAliveInterval = 60;
    if (const int error = MQTTClient_connect(client.get(), &connect); error != MQTTCLIENT_SUCCESS) {
        fmt::print(stderr, "narrowgate-translator: no connection to {}: {}\n", url, error);
        return 1;
    }
    for (const char* filter : {"MQTT/#", "MQTTGw/#"})
        if (MQTTClient_subscribe(client.get(), filter, 2) != MQTTCLIENT_SUCCESS) return 1;
    struct sigaction action{};
    action.sa_handler = end;
    (void)::sigaction(SIGTERM, &action, nullptr);
    (void)::sigaction(SIGINT, &action, nullptr);
    fmt::print("subscribed\n");
    (void)std::fflush(stdout);

    sim::Translator translator(std::move(options), [&](const std::string& topic, const std::string& payload) {
        (void)MQTTClient_publish(client.get(), topic.c_str(), static_cast<int>(payload.size()),
                                 payload.data(), 0, 0, nullptr);
    });
    RecordFile record(record_file);
    record.write(translator.record());
    auto recorded = Clock::now();
    bool deaf = false;
    while (ended == 0) {
        char* topic = nullptr;
        int topic_size = 0;
        MQTTClient_message* message = nullptr;
        const int received =
            deaf ? MQTTCLIENT_SUCCESS
                 : MQTTClient_receive(client.get(), &topic, &topic_size, &message, kReceiveMilliseconds);
        if (deaf) (void)::poll(nullptr, 0, kReceiveMilliseconds);  // which a signal ends
        if (received < 0 && MQTTClient_isConnected(client.get()) == 0) {
            fmt::print("deaf\n");
            (void)std::fflush(stdout);
            deaf = true;
        }
        const auto now = Clock::now();
        if (message != nullptr) {
            const std::string_view payload(static_cast<const char*>(message->payload),
                                           static_cast<std::size_t>(message->payloadlen));
            const auto broken = translator.receive(topic, payload, now);
            if (broken) {
                fmt::print(stderr, "narrowgate-translator: would have been killed by SIGSEGV: {} in {}: {}\n",
                           *broken, topic, payload);
                record.write(translator.record());
                return kKilled;
            }
            MQTTClient_freeMessage(&message);
            MQTTClient_free(topic);
        }
        if (!translator.turn(now)) {
            record.write(translator.record());
            return kNotTaken;
        }
        if (now - recorded >= kRecordInterval) {
            record.write(translator.record());
            recorded = now;
        }
    }
    translator.say_farewell();
    record.write(translator.record());
    (void)MQTTClient_disconnect(client.get(), 1000);
    return 0;
}
