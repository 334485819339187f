// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_translator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

using Kind = TranslatorAnswer::Kind;
using News = PelionTranslator::News;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr milliseconds kAnswerTimeout{10'000};
constexpr milliseconds kProbeInterval{60'000};

class PelionTranslatorTest : public testing::Test {
protected:
    void connect() { translator_.connected(now_); }
    News turn() { return translator_.turn(now_); }
    // Time passes, and it is this object's turn.
    News wait(milliseconds time) {
        now_ += time;
        return turn();
    }
    News hear(Kind kind, std::string request_id = "gw-1-run-1", std::string error = "") {
        return translator_.heard(
            {.kind = kind, .request_id = std::move(request_id), .node = "", .error = std::move(error)}, now_);
    }
    // It was started before we came, and answers.
    void make_ready() {
        connect();
        ASSERT_TRUE(translator_.next_request());
        ASSERT_EQ(hear(Kind::kStartedBefore), News::kNone);
        ASSERT_TRUE(translator_.is_ready());
    }
    std::optional<milliseconds> until_deadline() const {
        const auto deadline = translator_.deadline();
        if (!deadline) return std::nullopt;
        return std::chrono::duration_cast<milliseconds>(*deadline - now_);
    }

    SteadyTime now_{std::chrono::hours(1)};
    PelionTranslator translator_{"gw-1-run", kAnswerTimeout, kProbeInterval};
};

TEST_F(PelionTranslatorTest, ItIsAskedAtOnceAndOnce) {
    EXPECT_FALSE(translator_.next_request());
    EXPECT_FALSE(translator_.deadline());
    connect();
    EXPECT_EQ(translator_.next_request(), "gw-1-run-1");
    EXPECT_FALSE(translator_.next_request());
    EXPECT_EQ(until_deadline(), kAnswerTimeout);
    EXPECT_FALSE(translator_.is_ready());
    EXPECT_THAT(translator_.trouble(), HasSubstr("has not answered yet"));
    EXPECT_FALSE(translator_.last_answer());
}

TEST_F(PelionTranslatorTest, OneThatStartsKnowsNoNodeAndIsReadyOnceItIsRegistered) {
    connect();
    (void)translator_.next_request();
    EXPECT_EQ(hear(Kind::kStarting), News::kFresh);
    EXPECT_FALSE(translator_.is_ready());
    EXPECT_THAT(translator_.trouble(), HasSubstr("registers at Edge Core"));
    EXPECT_EQ(hear(Kind::kRegistered, ""), News::kNone) << "that it is new was told";
    EXPECT_TRUE(translator_.is_ready());
    EXPECT_TRUE(translator_.saw_start());
    EXPECT_EQ(translator_.starts(), 1U);
    EXPECT_THAT(translator_.trouble(), IsEmpty());
    EXPECT_EQ(until_deadline(), kProbeInterval);
}

TEST_F(PelionTranslatorTest, OneThatWasStartedBeforeMayKnowNodesThatWeDoNot) {
    make_ready();
    EXPECT_FALSE(translator_.saw_start());
    EXPECT_EQ(translator_.starts(), 0U);
    EXPECT_EQ(translator_.last_answer(), now_);
}

// Somebody else's value starts a translator too.
TEST_F(PelionTranslatorTest, ARegistrationThatNobodyAskedForIsANewTranslator) {
    make_ready();
    EXPECT_EQ(hear(Kind::kRegistered, ""), News::kFresh);
    EXPECT_TRUE(translator_.is_ready());
    EXPECT_EQ(translator_.starts(), 1U);
}

TEST_F(PelionTranslatorTest, AnswersToOthersAreNothingToUsAndLateOnesTellAsMuch) {
    connect();
    (void)translator_.next_request();
    for (const char* request : {"", "gw-1-run", "gw-1-run2-1", "gw-2-run-1"}) {
        EXPECT_EQ(hear(Kind::kStarting, request), News::kNone);
        EXPECT_EQ(hear(Kind::kStartedBefore, request), News::kNone);
        EXPECT_EQ(hear(Kind::kStartRefused, request, "5"), News::kNone);
    }
    EXPECT_FALSE(translator_.is_ready());
    EXPECT_FALSE(translator_.last_answer());
    EXPECT_EQ(wait(kAnswerTimeout), News::kGone);
    EXPECT_EQ(wait(kAnswerTimeout), News::kNone);
    EXPECT_EQ(translator_.next_request(), "gw-1-run-2");
    (void)hear(Kind::kStartedBefore, "gw-1-run-1");
    EXPECT_TRUE(translator_.is_ready());
}

// It says nothing by itself when it does not run: it is asked again, ever more slowly, but at least once a
// minute.
TEST_F(PelionTranslatorTest, OneThatDoesNotRunIsAskedAgainEverMoreSlowly) {
    using std::chrono::seconds;
    connect();
    for (const int pause : {10, 20, 40, 60, 60, 60, 60, 60, 60}) {
        ASSERT_TRUE(translator_.next_request());
        EXPECT_EQ(wait(kAnswerTimeout - milliseconds(1)), News::kNone);
        EXPECT_EQ(wait(milliseconds(1)), News::kGone);
        EXPECT_THAT(translator_.trouble(), HasSubstr("does not answer"));
        EXPECT_EQ(until_deadline(), seconds(pause));
        EXPECT_EQ(wait(seconds(pause) - milliseconds(1)), News::kNone);
        EXPECT_FALSE(translator_.next_request());
        EXPECT_EQ(wait(milliseconds(1)), News::kNone);
    }
}

// Answers come with QoS 0, so one may be lost.
TEST_F(PelionTranslatorTest, OneLostAnswerIsNotDeafnessAndTwoAre) {
    make_ready();
    (void)wait(kProbeInterval);
    ASSERT_EQ(translator_.next_request(), "gw-1-run-2");
    EXPECT_EQ(wait(kAnswerTimeout), News::kNone);
    EXPECT_TRUE(translator_.is_ready());
    ASSERT_EQ(translator_.next_request(), "gw-1-run-3") << "at once";
    EXPECT_EQ(hear(Kind::kStartedBefore, "gw-1-run-3"), News::kNone) << "nothing was missed";

    (void)wait(kProbeInterval);
    ASSERT_TRUE(translator_.next_request());
    EXPECT_EQ(wait(kAnswerTimeout), News::kNone);
    ASSERT_TRUE(translator_.next_request());
    EXPECT_EQ(wait(kAnswerTimeout), News::kGone);
    EXPECT_FALSE(translator_.is_ready());
    (void)wait(std::chrono::minutes(1));
    ASSERT_EQ(translator_.next_request(), "gw-1-run-6");
    EXPECT_EQ(hear(Kind::kStartedBefore, "gw-1-run-6"), News::kBack) << "values may have passed it by";
    EXPECT_EQ(hear(Kind::kStartedBefore, "gw-1-run-6"), News::kNone) << "which is told once";
}

TEST_F(PelionTranslatorTest, ItIsProbedBeforeItsTimeWhenSomethingSeemsWrong) {
    translator_.probe(now_);
    EXPECT_FALSE(translator_.deadline()) << "there is no connection";
    make_ready();
    (void)wait(milliseconds(1'000));
    EXPECT_FALSE(translator_.next_request());
    translator_.probe(now_);
    ASSERT_EQ(translator_.next_request(), "gw-1-run-2");
    translator_.probe(now_);
    EXPECT_FALSE(translator_.next_request()) << "one is under way";
    (void)hear(Kind::kStartedBefore, "gw-1-run-2");
    EXPECT_EQ(until_deadline(), kProbeInterval);
}

TEST_F(PelionTranslatorTest, WithoutAConnectionItIsNeitherAskedNorHeard) {
    make_ready();
    translator_.disconnected();
    EXPECT_FALSE(translator_.is_ready());
    EXPECT_THAT(translator_.trouble(), IsEmpty()) << "the connection is what is wrong";
    EXPECT_FALSE(translator_.deadline());
    EXPECT_EQ(wait(kProbeInterval), News::kNone);
    EXPECT_FALSE(translator_.next_request());
    EXPECT_EQ(hear(Kind::kRegistered, ""), News::kNone);
    EXPECT_FALSE(translator_.is_ready());

    connect();
    ASSERT_EQ(translator_.next_request(), "gw-1-run-2");
    EXPECT_EQ(hear(Kind::kStartedBefore, "gw-1-run-2"), News::kBack);
}

TEST_F(PelionTranslatorTest, OneThatNeverAnsweredHasMissedNothingOfOurs) {
    connect();
    translator_.disconnected();
    connect();
    (void)translator_.next_request();
    EXPECT_EQ(hear(Kind::kStartedBefore), News::kNone);
}

TEST_F(PelionTranslatorTest, OneThatDoesNotRegisterWaitsForEdgeCore) {
    connect();
    (void)translator_.next_request();
    (void)hear(Kind::kStarting);
    EXPECT_EQ(hear(Kind::kStartedBefore), News::kNone);
    EXPECT_FALSE(translator_.is_ready()) << "it has started, and is not yet registered";
    EXPECT_FALSE(translator_.next_request());
    const auto patience = until_deadline();
    ASSERT_EQ(patience, 6 * kAnswerTimeout);
    EXPECT_EQ(wait(*patience - milliseconds(1)), News::kNone);
    EXPECT_EQ(wait(milliseconds(1)), News::kGone);
    EXPECT_THAT(translator_.trouble(), HasSubstr("is Edge Core running?"));
    (void)wait(kAnswerTimeout);
    EXPECT_TRUE(translator_.next_request());
}

TEST_F(PelionTranslatorTest, OneThatFailsOrLeavesIsToldWithWhatToDoAndAskedAgain) {
    const auto fails = [&](Kind kind, const char* trouble, std::string error = "") {
        connect();
        const auto request = translator_.next_request();
        ASSERT_TRUE(request);
        EXPECT_EQ(hear(kind, *request, std::move(error)), News::kGone);
        EXPECT_FALSE(translator_.is_ready());
        EXPECT_THAT(translator_.trouble(), HasSubstr(trouble));
        EXPECT_FALSE(translator_.next_request());
        (void)wait(kAnswerTimeout / 2);
        EXPECT_TRUE(translator_.next_request());
        translator_.disconnected();
    };
    fails(Kind::kStartRefused, "refuses to start (error 5); read its log", "5");
    // Anybody may publish anything.
    fails(Kind::kStartRefused, ("(error " + std::string(32, 'x') + ")").c_str(), std::string(5'000, 'x'));
    fails(Kind::kNotRegistered, "could not register at Edge Core");
    fails(Kind::kUnregistered, "has ended: restart it");
}

TEST_F(PelionTranslatorTest, AnAnswerAboutANodeShowsThatItHearsUsAndNothingMore) {
    make_ready();
    for (const Kind kind : {Kind::kNodeRegistered, Kind::kNodeFailed}) {
        now_ += milliseconds(500);
        EXPECT_EQ(hear(kind, ""), News::kNone);
        EXPECT_EQ(translator_.last_answer(), now_);
        EXPECT_TRUE(translator_.is_ready());
    }
    EXPECT_EQ(until_deadline(), kProbeInterval - milliseconds(1'000));
}

}  // namespace
}  // namespace narrowgate::daemon
