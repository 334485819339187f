// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/reason_code.hpp"

#include <gtest/gtest.h>

namespace narrowgate::mqtt {
namespace {

// MQTT 5 section 3.4.2.1 lists what a PUBACK can say.
TEST(ReasonCodeTest, APubackMeansTakenRetryOrRefused) {
    EXPECT_EQ(verdict_of(ReasonCode::kSuccess), Verdict::kTaken);
    EXPECT_EQ(verdict_of(ReasonCode::kNoMatchingSubscribers), Verdict::kTaken);
    EXPECT_EQ(verdict_of(ReasonCode::kUnspecifiedError), Verdict::kRetry);
    EXPECT_EQ(verdict_of(ReasonCode::kImplementationSpecificError), Verdict::kRetry);
    EXPECT_EQ(verdict_of(ReasonCode::kPacketIdentifierInUse), Verdict::kRetry);
    EXPECT_EQ(verdict_of(ReasonCode::kQuotaExceeded), Verdict::kRetry);
    EXPECT_EQ(verdict_of(ReasonCode::kNotAuthorized), Verdict::kRefused);
    EXPECT_EQ(verdict_of(ReasonCode::kTopicNameInvalid), Verdict::kRefused);
    EXPECT_EQ(verdict_of(ReasonCode::kPayloadFormatInvalid), Verdict::kRefused);
}

TEST(ReasonCodeTest, NothingIsGivenUpForACodeThatNobodyKnows) {
    EXPECT_EQ(verdict_of(static_cast<ReasonCode>(0xF3)), Verdict::kRetry);
    EXPECT_EQ(to_words(static_cast<ReasonCode>(0xF3)), "reason (0xF3)");
}

}  // namespace
}  // namespace narrowgate::mqtt
