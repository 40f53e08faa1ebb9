// SPDX-License-Identifier: Apache-2.0
#include "model/text_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMaxTokens = 32;
constexpr size_t kHeadBytes = TextInput::kHeadBytesPerToken * kMaxTokens;

TextInput make_input() {
  auto tokenizer = Tokenizer::load(NESO_TEST_MODEL "/tokenizer.json");
  EXPECT_TRUE(tokenizer.has_value());
  return TextInput(*tokenizer,
                   {.model = "m", .max_tokens = kMaxTokens, .prompts = {{"query", "search: "}}});
}

std::string words(size_t bytes, std::string_view word) {
  std::string text;
  while (text.size() < bytes) text += word;
  return text;
}

TEST(TextInput, AVeryLongTextHasTheIdsThatTheWholeTextHas) {
  const TextInput input = make_input();
  // The second one is cut in the middle of a character unless the cut looks.
  for (const std::string_view word : {"kubernetes ", "grüße "}) {
    const std::string huge = words(20 * kHeadBytes, word);
    const std::string shorter = words(2 * kHeadBytes - 16, word);
    const auto cut = input.prepare("", huge, true);
    const auto whole = input.prepare("", shorter.substr(0, shorter.rfind(' ')), true);
    ASSERT_TRUE(cut && whole);
    EXPECT_EQ(cut->sequence.ids, whole->sequence.ids);
    EXPECT_TRUE(cut->truncated);
    EXPECT_EQ(cut->sequence.ids.size(), kMaxTokens);
  }
}

TEST(TextInput, ALongTextWithoutTokensInItsHeadIsReadToTheEnd) {
  const auto prepared =
      make_input().prepare("", std::string(4 * kHeadBytes, ' ') + "the end", true);
  ASSERT_TRUE(prepared.has_value());
  EXPECT_EQ(prepared->sequence.ids.size(), 4U);
  EXPECT_FALSE(prepared->truncated);
}

TEST(TextInput, WhatWouldHaveToBeTokenizedInFullHasALimit) {
  const TextInput input = make_input();
  const std::string one_word(TextInput::kMaxBytes + 1, 'x');
  EXPECT_EQ(input.prepare("", one_word, true).error().code, ErrorCode::TooLarge);
  EXPECT_EQ(input.prepare("", words(TextInput::kMaxBytes + 1, "a "), false).error().code,
            ErrorCode::TooLarge);
  EXPECT_TRUE(input.prepare("", words(TextInput::kMaxBytes + 1, "a "), true));
}

TEST(TextInput, WithoutTruncationTheTrueCountIsTold) {
  const auto prepared = make_input().prepare("", words(4 * kHeadBytes, "a "), false);
  ASSERT_FALSE(prepared.has_value());
  EXPECT_THAT(prepared.error().message,
              HasSubstr(std::to_string(2 * kHeadBytes + 2) + " tokens, more than the 32"));
}

TEST(TextInput, APromptStandsBeforeTheText) {
  const TextInput input = make_input();
  EXPECT_EQ(*input.prompt("query"), "search: ");
  EXPECT_THAT(input.prompt("other").error().message, HasSubstr("it has query"));
  EXPECT_EQ(input.prepare("search: ", "cats", true)->sequence.ids,
            input.prepare("", "search: cats", true)->sequence.ids);
}

}  // namespace
}  // namespace neso
