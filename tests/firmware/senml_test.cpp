// SPDX-License-Identifier: Apache-2.0
#include "senml/senml.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "firmware/senml_record.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/payload/envelope.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::firmware {
namespace {

Bytes encoded(const std::vector<sm_record>& records, std::size_t capacity = 512) {
    Bytes out(capacity, 0xee);
    sm_writer writer;
    sm_begin(&writer, out.data(), out.size(), records.size());
    for (const sm_record& record : records)
        sm_add(&writer, &record);
    out.resize(sm_end(&writer));
    return out;
}

// As the gateway reads it, received at the second 1 772 366 400.
nlohmann::json as_the_gateway_reads(ByteView pack) {
    EXPECT_EQ(payload::reject_reason(payload::kSenmlCbor, pack), std::nullopt) << to_hex(pack);
    payload::Reading reading{};
    reading.received = WallTime(std::chrono::seconds(1'772'366'400));
    reading.content_format = payload::kSenmlCbor;
    reading.payload = pack;
    return nlohmann::json::parse(payload::render_envelope(reading)).at("senml");
}

TEST(NodeSenmlTest, TheContentFormatIsTheGateways) {
    EXPECT_EQ(SM_CONTENT_FORMAT, payload::kSenmlCbor);
}

TEST(NodeSenmlTest, ThreeValuesArriveWithTheirDigits) {
    const auto senml = as_the_gateway_reads(
        encoded({number("t", "Cel", 215, -1), number("v", "V", 3'297, -3), number("n", nullptr, 4'711, 0)}));
    ASSERT_EQ(senml.size(), 3U);
    EXPECT_EQ(senml[0].at("n"), "t");
    EXPECT_EQ(senml[0].at("u"), "Cel");
    EXPECT_EQ(senml[0].at("v").dump(), "21.5");
    EXPECT_EQ(senml[1].at("v").dump(), "3.297");
    EXPECT_EQ(senml[2].at("v").dump(), "4711");
    EXPECT_FALSE(senml[2].contains("u"));
}

// What is left of the budget of 110 bytes on air for one reading, when CoAP and DTLS have taken theirs.
TEST(NodeSenmlTest, ThreeValuesWithShortNamesAndATimeTakeAtMostSixtyBytes) {
    std::vector<sm_record> records = {number("t", "Cel", -1'234, -2), number("v", "V", 3'297, -3),
                                      number("rs", "dBm", -1'057, -1)};
    records[0].base_time = 1'772'366'400;
    EXPECT_LE(encoded(records).size(), 60U);
    EXPECT_GT(encoded(records).size(), 40U);
}

TEST(NodeSenmlTest, TimesMayBeAbsoluteOrCountBackFromTheArrival) {
    std::vector<sm_record> records = {number("t", nullptr, 1, 0), number("t", nullptr, 2, 0)};
    records[0].base_time = 1'700'000'000;
    records[1].time = 60;
    auto senml = as_the_gateway_reads(encoded(records));
    EXPECT_EQ(senml[0].at("t"), 1'700'000'000);
    EXPECT_EQ(senml[1].at("t"), 1'700'000'060);

    records[0].base_time = 0;
    records[0].time = -3'600;
    records[1].time = -60;
    senml = as_the_gateway_reads(encoded(records));
    EXPECT_EQ(senml[0].at("t"), 1'772'366'400 - 3'600);
    EXPECT_EQ(senml[1].at("t"), 1'772'366'400 - 60);
}

TEST(NodeSenmlTest, EveryKindOfValueArrives) {
    const std::array<std::uint8_t, 3> blob = {0x00, 0xff, 0x10};
    std::vector<sm_record> records(3);
    records[0].base_name = "urn:dev:mac:0024befffe804ff1:";
    records[0].name = "state";
    records[0].kind = SM_TEXT;
    records[0].text = "gr\u00fcn";
    records[1].name = "door";
    records[1].kind = SM_BOOLEAN;
    records[1].boolean = true;
    records[2].name = "raw";
    records[2].kind = SM_DATA;
    records[2].data = blob.data();
    records[2].data_size = blob.size();
    const auto senml = as_the_gateway_reads(encoded(records));
    EXPECT_EQ(senml[0].at("n"), "urn:dev:mac:0024befffe804ff1:state");
    EXPECT_EQ(senml[0].at("vs"), "gr\u00fcn");
    EXPECT_EQ(senml[1].at("vb"), true);
    EXPECT_EQ(senml[2].at("vd"), "AP8Q");
}

// Each width of a CBOR argument, and both sides of each border.
TEST(NodeSenmlTest, IntegersOfEveryWidthArrive) {
    for (const std::int64_t value :
         {INT64_C(0), INT64_C(23), INT64_C(24), INT64_C(255), INT64_C(256), INT64_C(65'535), INT64_C(65'536),
          INT64_C(4'294'967'295), INT64_C(4'294'967'296), INT64_MAX, INT64_C(-1), INT64_C(-24), INT64_C(-25),
          INT64_C(-256), INT64_C(-257), INT64_MIN}) {
        const auto senml = as_the_gateway_reads(encoded({number("x", nullptr, value, 0)}));
        EXPECT_EQ(senml[0].at("v"), value);
    }
}

TEST(NodeSenmlTest, ZerosAtTheEndOfAFractionCostNothing) {
    EXPECT_EQ(encoded({number("x", nullptr, 2'500, -2)}), encoded({number("x", nullptr, 25, 0)}));
    EXPECT_EQ(encoded({number("x", nullptr, 0, -7)}), encoded({number("x", nullptr, 0, 0)}));
    EXPECT_EQ(encoded({number("x", nullptr, 2'150, -2)}), encoded({number("x", nullptr, 215, -1)}));
}

TEST(NodeSenmlTest, APackThatDoesNotFitIsNoPack) {
    const std::vector<sm_record> records = {number("t", "Cel", 215, -1)};
    const std::size_t exact = encoded(records).size();
    EXPECT_EQ(encoded(records, exact).size(), exact);
    for (std::size_t less = 0; less < exact; ++less)
        EXPECT_TRUE(encoded(records, less).empty()) << less;
}

TEST(NodeSenmlTest, NeitherMoreNorFewerRecordsThanAnnouncedAreAPack) {
    std::array<std::uint8_t, 64> out{};
    const sm_record record = number("t", nullptr, 1, 0);
    sm_writer writer;
    sm_begin(&writer, out.data(), out.size(), 2);
    sm_add(&writer, &record);
    EXPECT_EQ(sm_end(&writer), 0U);
    sm_add(&writer, &record);
    EXPECT_GT(sm_end(&writer), 0U);
    sm_add(&writer, &record);
    EXPECT_EQ(sm_end(&writer), 0U);
}

}  // namespace
}  // namespace narrowgate::firmware
