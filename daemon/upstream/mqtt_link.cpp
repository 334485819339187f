// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/link.hpp"

namespace narrowgate::daemon {
namespace {

class MqttLink final : public Link {
public:
    explicit MqttLink(std::unique_ptr<mqtt::Connection> connection) : connection_(std::move(connection)) {}

    std::uint64_t connect() override { return connection_->connect(); }
    bool publish(std::uint64_t token, const mqtt::Publish& message) override {
        return connection_->publish(token, message);
    }
    bool subscribe(std::uint64_t token, const mqtt::Subscription& subscription) override {
        return connection_->subscribe(token, subscription);
    }
    void disconnect(milliseconds timeout) override { connection_->disconnect(timeout); }
    void set_options(const mqtt::ConnectionOptions& options) override { connection_->set_options(options); }
    mqtt::ConnectionTrace trace() const override { return connection_->trace(); }
    mqtt::Traces traces() const override { return connection_->traces(); }

private:
    const std::unique_ptr<mqtt::Connection> connection_;
};

}  // namespace

OpenLink mqtt_link(const mqtt::ConnectionOptions& options) {
    return [options](mqtt::Connection::Post post) -> Expected<std::unique_ptr<Link>> {
        auto connection = mqtt::Connection::open(options, std::move(post));
        if (!connection) return std::unexpected(std::move(connection.error()));
        return std::make_unique<MqttLink>(std::move(*connection));
    };
}

}  // namespace narrowgate::daemon
