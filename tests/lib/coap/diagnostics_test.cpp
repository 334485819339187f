// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/diagnostics.hpp"

#include <gtest/gtest.h>

namespace narrowgate::coap {
namespace {

TEST(DiagnosticsTest, HaveShortWordsForEveryErrorWeGive) {
    for (const Code code :
         {Code::kBadRequest, Code::kBadOption, Code::kForbidden, Code::kNotFound, Code::kMethodNotAllowed,
          Code::kNotAcceptable, Code::kRequestEntityIncomplete, Code::kRequestEntityTooLarge,
          Code::kUnsupportedContentFormat, Code::kTooManyRequests, Code::kInternalServerError,
          Code::kServiceUnavailable, Code::kProxyingNotSupported}) {
        const auto words = diagnostic_of(code);
        EXPECT_FALSE(words.empty()) << text_of(code);
        EXPECT_LE(words.size(), kMaxDiagnosticBytes) << text_of(code);
    }
}

TEST(DiagnosticsTest, HaveNoWordsForASuccess) {
    EXPECT_EQ(diagnostic_of(Code::kChanged), "");
    EXPECT_EQ(diagnostic_of(Code::kContinue), "");
}

// A reason may quote a node's own text; a character cut in half would be no UTF-8.
TEST(DiagnosticsTest, AreCutBetweenTwoCharacters) {
    EXPECT_EQ(short_diagnostic("short"), "short");
    const std::string full(kMaxDiagnosticBytes, 'x');
    EXPECT_EQ(short_diagnostic(full), full);
    EXPECT_EQ(short_diagnostic(full + "y"), full);
    for (std::size_t before = kMaxDiagnosticBytes - 4; before <= kMaxDiagnosticBytes; ++before) {
        const auto text = std::string(before, 'x') + "\xf0\x9f\x98\x80\xe2\x82\xac" + "tail";
        const auto cut = short_diagnostic(text);
        EXPECT_LE(cut.size(), kMaxDiagnosticBytes);
        EXPECT_GE(cut.size(), before);
        EXPECT_TRUE(is_utf8(bytes_of(cut))) << before;
    }
}

}  // namespace
}  // namespace narrowgate::coap
