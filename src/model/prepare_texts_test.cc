// SPDX-License-Identifier: Apache-2.0
#include "model/prepare_texts.h"

#include <gtest/gtest.h>

#include <latch>
#include <string>

namespace neso {
namespace {

class PrepareTexts : public ::testing::Test {
 protected:
  static TextInput make_input() {
    auto tokenizer = Tokenizer::load(NESO_TEST_MODEL "/tokenizer.json");
    EXPECT_TRUE(tokenizer.has_value());
    return {*tokenizer, {.model = "m", .max_tokens = 32}};
  }

  Result<std::vector<Result<PreparedText>>> prepare(const RequestLife& life) const {
    const std::vector<std::string_view> views(texts_.begin(), texts_.end());
    return prepare_texts(input_, "", views, true, life);
  }

  // Many pieces; number 700 is no UTF-8.
  static std::vector<std::string> make_texts() {
    std::vector<std::string> texts;
    for (int i = 0; i < 2000; ++i) texts.push_back("text number " + std::to_string(i));
    texts[700] = "\xff";
    return texts;
  }

  const TextInput input_ = make_input();
  std::vector<std::string> texts_ = make_texts();
  const std::unique_ptr<ThreadPool> helpers_ = *ThreadPool::create(3, "helpers");
};

TEST_F(PrepareTexts, WithHelpersIsTheSameAsOneByOne) {
  MemoryBudget budget(uint64_t{1} << 30);
  const RequestLife life{.memory = std::make_shared<MemoryShare>(&budget, MemoryUse::Request),
                         .helpers = helpers_.get()};
  const auto all = prepare(life);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), texts_.size());
  for (size_t i = 0; i < texts_.size(); ++i) {
    const auto alone = input_.prepare("", texts_[i], true);
    ASSERT_EQ((*all)[i].has_value(), alone.has_value()) << i;
    if (alone) {
      ASSERT_EQ((*all)[i]->sequence.ids, alone->sequence.ids) << i;
    } else {
      EXPECT_EQ((*all)[i].error().message, alone.error().message);
    }
  }
  EXPECT_EQ(budget.held_by_requests(), 0U);
}

TEST_F(PrepareTexts, DoesNotWaitForHelpersThatHaveNoTime) {
  std::latch over(1);
  const auto busy = *ThreadPool::create(2, "busy");
  for (size_t i = 0; i < busy->threads(); ++i) busy->post([&] { over.wait(); });
  const auto all = prepare({.helpers = busy.get()});
  over.count_down();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), texts_.size());
}

TEST_F(PrepareTexts, EndsWhenTheClientHasLeft) {
  const auto gone = std::make_shared<std::atomic<bool>>(true);
  const auto all = prepare({.gone = gone, .helpers = helpers_.get()});
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, ErrorCode::Cancelled);
}

TEST_F(PrepareTexts, EndsWhenThereIsNoMemoryForATextAndGivesBackWhatItHeld) {
  MemoryBudget budget(10'000);
  MemoryShare others(&budget, MemoryUse::Request);
  others.set(9'000);
  const auto memory = std::make_shared<MemoryShare>(&budget, MemoryUse::Request);
  const auto all = prepare({.memory = memory, .helpers = helpers_.get()});
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, ErrorCode::Overloaded);
  EXPECT_EQ(budget.held_by_requests(), 9'000U);
}

TEST_F(PrepareTexts, WhatHelpersHaveNoMemoryForIsTheCallers) {
  MemoryBudget budget(3'000);  // for one text at a time
  const auto memory = std::make_shared<MemoryShare>(&budget, MemoryUse::Request);
  for (int i = 0; i < 20; ++i) {
    const auto all = prepare({.memory = memory, .helpers = helpers_.get()});
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->size(), texts_.size());
  }
  EXPECT_EQ(budget.held_by_requests(), 0U);
}

TEST_F(PrepareTexts, OfNoTextsIsNothing) {
  texts_.clear();
  const auto all = prepare({.helpers = helpers_.get()});
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->empty());
}

}  // namespace
}  // namespace neso
