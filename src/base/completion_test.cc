// SPDX-License-Identifier: Apache-2.0
#include "base/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace neso {
namespace {

// What a completion was answered with, in order.
struct Answers {
  std::vector<Result<int>> seen;
  Completion<int> completion() {
    return Completion<int>([this](Result<int> result) { seen.push_back(std::move(result)); });
  }
};

TEST(Completion, FiresOnceHoweverOftenItIsCalled) {
  Answers answers;
  {
    Completion<int> completion = answers.completion();
    completion(1);
    EXPECT_FALSE(completion);
    completion(2);
  }
  ASSERT_EQ(answers.seen.size(), 1u);
  EXPECT_EQ(answers.seen[0].value(), 1);
}

TEST(Completion, DroppedUnfiredItAnswersThatTheServerCouldNot) {
  Answers answers;
  {
    Completion<int> completion = answers.completion();
  }
  ASSERT_EQ(answers.seen.size(), 1u);
  EXPECT_EQ(answers.seen[0].error().code, ErrorCode::Overloaded);
  EXPECT_THAT(answers.seen[0].error().message,
              testing::HasSubstr("dropped the request before it was"));
}

TEST(Completion, AMoveHandsTheDutyOver) {
  Answers answers;
  {
    std::optional<Completion<int>> source(answers.completion());
    Completion<int> target(std::move(*source));
    source.reset();
    EXPECT_TRUE(answers.seen.empty());
    target(3);
  }
  ASSERT_EQ(answers.seen.size(), 1u);
  EXPECT_EQ(answers.seen[0].value(), 3);
}

TEST(Completion, AssigningOverAnUnfiredOneAnswersIt) {
  Answers first;
  Answers second;
  Completion<int> completion = first.completion();
  completion = second.completion();
  ASSERT_EQ(first.seen.size(), 1u);
  EXPECT_FALSE(first.seen[0]);
  EXPECT_TRUE(second.seen.empty());
  completion(4);
  EXPECT_EQ(second.seen.size(), 1u);
}

TEST(Completion, CallingItFromItsOwnCallbackDoesNothing) {
  int calls = 0;
  Completion<int> completion;
  completion = Completion<int>([&](const Result<int>&) {
    ++calls;
    completion(2);
  });
  completion(1);
  EXPECT_EQ(calls, 1);
}

TEST(Completion, AnEmptyOneMayBeCalledAndDropped) {
  Completion<int> completion;
  EXPECT_FALSE(completion);
  completion(1);
}

TEST(Completion, AQueueTornDownAnswersEveryWaiter) {
  int errors = 0;
  {
    std::vector<Completion<int>> queue;
    for (int i = 0; i < 100; ++i) {
      queue.emplace_back([&](const Result<int>& result) { errors += result ? 0 : 1; });
    }
  }
  EXPECT_EQ(errors, 100);
}

}  // namespace
}  // namespace neso
