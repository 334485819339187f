// SPDX-License-Identifier: Apache-2.0
//
// A whole upstream, thread and all, against a real mosquitto on loopback.
#include "daemon/upstream/worker.hpp"

#include "daemon/upstream/topic_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>

#include "fakes/aws.hpp"
#include "fakes/memory_upstream.hpp"
#include "fakes/mosquitto.hpp"

namespace narrowgate::daemon {
namespace {

// The store in memory, for two threads: the worker's, and the test's that waits for acknowledgements.
class SharedSource {
public:
    void add_many(std::size_t count) {
        const std::scoped_lock lock(mutex_);
        source_.add_many(count);
    }
    bool wait_for_acknowledged(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30),
                                 [&] { return source_.acknowledged.size() >= count; });
    }
    std::vector<ReadingNumber> acknowledged() {
        const std::scoped_lock lock(mutex_);
        return source_.acknowledged;
    }
    std::unique_ptr<ReadingSource> view() { return std::make_unique<View>(*this); }

private:
    class View final : public ReadingSource {
    public:
        explicit View(SharedSource& shared) : shared_(shared) {}
        Expected<std::vector<Reading>> read(ReadingNumber from, std::size_t max_count,
                                            std::size_t max_bytes) override {
            const std::scoped_lock lock(shared_.mutex_);
            return shared_.source_.read(from, max_count, max_bytes);
        }
        void acknowledge(std::span<const ReadingNumber> numbers) override {
            const std::scoped_lock lock(shared_.mutex_);
            shared_.source_.acknowledge(numbers);
            shared_.changed_.notify_all();
        }
        void dead_letter(ReadingNumber number, std::string reason) override {
            const std::scoped_lock lock(shared_.mutex_);
            shared_.source_.dead_letter(number, std::move(reason));
        }
        std::optional<ReadingNumber> returned() override {
            const std::scoped_lock lock(shared_.mutex_);
            return shared_.source_.returned();
        }
        ReadingNumber head() const override {
            const std::scoped_lock lock(shared_.mutex_);
            return shared_.source_.head();
        }

    private:
        SharedSource& shared_;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    fakes::MemorySource source_;
};

class WorkerTest : public testing::Test {
protected:
    std::unique_ptr<Worker> start(bool watched = false, const std::string& url = {}) {
        mqtt::ConnectionOptions connection;
        connection.name = "aws";
        connection.url = url.empty() ? broker_.url() : url;
        connection.client_id = "gw-1";
        connection.ca_file = pki_.root();
        connection.certificate_file = client_.certificate;
        connection.key_file = client_.key;
        CourierOptions options;
        options.name = "aws";
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back(
            {.resource = *coap::PathPattern::parse("telemetry"), .upstream = "aws", .topic = "dt/{device}"});
        auto worker = Worker::start(
            options, mqtt_link(connection), source_.view(), topic_profile({}),
            std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "aws", "gw-1")), log_,
            watched ? std::optional(CertificateKeeperOptions{.connection = connection}) : std::nullopt);
        EXPECT_TRUE(worker.has_value());
        return std::move(*worker);
    }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    fakes::Mosquitto broker_{{.certificate = pki_.server("broker", "DNS:localhost"),
                              .root = pki_.root(),
                              .access_rules = {},
                              .further_lines = {},
                              .tls_1_2_only = false}};
    SharedSource source_;
    Log log_{LogLevel::kError};
};

TEST_F(WorkerTest, ReadingsReachTheBrokerInOrderAndStoppingSaysDisconnect) {
    broker_.subscribe("dt/#", pki_.client("reader"));
    source_.add_many(200);
    const auto worker = start();
    ASSERT_TRUE(source_.wait_for_acknowledged(200));
    source_.add_many(1);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(201));
    EXPECT_TRUE(worker->status().state.connected);
    worker->stop(std::chrono::seconds(2));
    broker_.wait_for_log("Received DISCONNECT from gw-1");  // throws when it does not come
    broker_.stop();
    EXPECT_EQ(broker_.received().size(), 201U);
}

// The broker is killed with a window of publishes in flight and comes back.
TEST_F(WorkerTest, ABrokerThatCrashesMidFlightLosesNothing) {
    const auto worker = start();
    source_.add_many(1000);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(100));
    broker_.kill();
    source_.add_many(1000);
    worker->wake();
    broker_.start();
    ASSERT_TRUE(source_.wait_for_acknowledged(2000));
    worker->stop(std::chrono::seconds(2));
    const std::vector<ReadingNumber> all = source_.acknowledged();
    EXPECT_EQ(std::set(all.begin(), all.end()).size(), 2000U);
    EXPECT_GE(worker->status().state.reconnects, 1U);
}

// Nobody says so: the files are swapped, one after the other, under a connection that works.
TEST_F(WorkerTest, ARenewedCertificateIsUsedByItselfAndNothingIsLost) {
    const fakes::KeyPair renewed = pki_.client("gw-1-renewed");
    const auto worker = start(true);
    source_.add_many(10);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(10));
    EXPECT_TRUE(worker->status().state.certificate_expires);

    const auto swap = [](const std::filesystem::path& from, const std::filesystem::path& to) {
        std::filesystem::copy_file(from, from.string() + ".new");
        std::filesystem::rename(from.string() + ".new", to);
    };
    swap(renewed.certificate, client_.certificate);
    swap(renewed.key, client_.key);
    broker_.wait_for_log("u'gw-1-renewed'");  // throws when it does not come
    source_.add_many(10);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(20));
    EXPECT_EQ(worker->status().attempt, 2U);
    EXPECT_EQ(source_.acknowledged().size(), 20U);
}

// All readings are of one topic: without aliases it is spelt out each time, and the broker counts that.
TEST_F(WorkerTest, AfterABrokerHasRefusedAnAliasTopicsAreWrittenOutForGood) {
    fakes::Aws aws({.certificate = pki_.server("aws", "DNS:localhost"), .root = pki_.root(), .flags = {}});
    const auto worker = start(false, aws.url());
    source_.add_many(20);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(20));
    const auto aliased = aws.counts().at("aliased");
    EXPECT_GT(aliased, 0);
    aws.tell("disconnect 0x94");
    (void)aws.keep_alives(2);  // throws when it does not connect again
    source_.add_many(20);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(40));
    // A connection that ends for another reason does not bring them back.
    aws.tell("cut");
    (void)aws.keep_alives(3);
    source_.add_many(20);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(60));
    const auto counts = aws.counts();
    EXPECT_EQ(counts.at("aliased"), aliased);
    EXPECT_EQ(counts.at("taken"), 60);
}

TEST_F(WorkerTest, StoppingIsQuickWhileTheBrokerHangs) {
    const auto worker = start();
    source_.add_many(1);
    worker->wake();
    ASSERT_TRUE(source_.wait_for_acknowledged(1));
    broker_.freeze();
    source_.add_many(10);
    worker->wake();
    const SteadyTime before = SystemClock{}.now().steady;
    worker->stop(milliseconds(500));
    EXPECT_LT(SystemClock{}.now().steady - before, std::chrono::seconds(4));
    broker_.thaw();
}

}  // namespace
}  // namespace narrowgate::daemon
