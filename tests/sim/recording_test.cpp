// SPDX-License-Identifier: Apache-2.0
#include "sim/recording.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace narrowgate::sim {
namespace {

class RecordingTest : public ::testing::Test {
protected:
    const std::string path_ = ::testing::TempDir() + "narrowgate-recording-" +
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    ~RecordingTest() override { std::filesystem::remove(path_); }

    void write_two() {
        auto writer = RecordingWriter::create(path_);
        ASSERT_TRUE(writer);
        writer->write(Recorded::Kind::kUp, WallTime(std::chrono::microseconds(1'234'567)),
                      *Address::from_text("127.0.0.1:4711"), 40'001, Bytes{1, 2, 3});
        writer->write(Recorded::Kind::kMapped, WallTime(std::chrono::microseconds(2'000'000)),
                      *Address::from_text("[::1]:4712"), 40'002, {});
        ASSERT_TRUE(writer->close());
    }
};

TEST_F(RecordingTest, IsReadAsItWasWritten) {
    write_two();
    auto reader = RecordingReader::open(path_);
    ASSERT_TRUE(reader);
    const auto first = reader->next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->kind, Recorded::Kind::kUp);
    EXPECT_EQ(first->at.time_since_epoch().count(), 1'234'567);
    EXPECT_EQ(first->inside.text(), "127.0.0.1:4711");
    EXPECT_EQ(first->outside_port, 40'001);
    EXPECT_EQ(first->datagram, (Bytes{1, 2, 3}));
    const auto second = reader->next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->kind, Recorded::Kind::kMapped);
    EXPECT_EQ(second->inside.text(), "[::1]:4712");
    EXPECT_TRUE(second->datagram.empty());
    EXPECT_FALSE(reader->next());
    EXPECT_FALSE(reader->damaged());
}

TEST_F(RecordingTest, EndsBeforeARecordThatWasCutOff) {
    write_two();
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
    auto reader = RecordingReader::open(path_);
    EXPECT_TRUE(reader->next());
    EXPECT_FALSE(reader->next());
    EXPECT_FALSE(reader->damaged());
}

TEST_F(RecordingTest, IsDamagedWhereNoRecordBegins) {
    write_two();
    std::ofstream(path_, std::ios::binary | std::ios::app) << std::string(40, 'x');
    auto reader = RecordingReader::open(path_);
    EXPECT_TRUE(reader->next());
    EXPECT_TRUE(reader->next());
    EXPECT_FALSE(reader->next());
    EXPECT_TRUE(reader->damaged());
}

TEST_F(RecordingTest, OtherFilesAreRefused) {
    EXPECT_FALSE(RecordingReader::open(path_));
    std::ofstream(path_) << "not a recording, but long enough to be one";
    EXPECT_FALSE(RecordingReader::open(path_));
}

}  // namespace
}  // namespace narrowgate::sim
