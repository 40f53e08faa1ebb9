// SPDX-License-Identifier: Apache-2.0
// Encoding with the real all-MiniLM-L6-v2 tokenizer.
#include "tokenizer/tokenizer.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace neso {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::shared_ptr<const Tokenizer> minilm() {
  static const auto tokenizer = Tokenizer::load(NESO_TEST_MODEL "/tokenizer.json");
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message << "; run ./dev setup once, it fetches the model";
    std::abort();
  }
  return *tokenizer;
}

TEST(MiniLmTokenizer, GivesTheReferenceIds) {
  const auto encoding = minilm()->encode("Hello, wörld! embeddings");
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(101, 7592, 1010, 2088, 999, 7861, 8270, 4667, 2015, 102));
  EXPECT_THAT(encoding->type_ids, testing::Each(0));
  EXPECT_EQ(encoding->type_ids.size(), encoding->ids.size());
  EXPECT_EQ(encoding->original_tokens, 10u);
  EXPECT_FALSE(encoding->truncated);
}

TEST(MiniLmTokenizer, KnowsItsVocabularyAndSpecialTokens) {
  EXPECT_EQ(minilm()->vocabulary_size(), 30522u);
  EXPECT_EQ(minilm()->special_tokens(), 2u);
}

TEST(MiniLmTokenizer, CutsTextTokensFromTheRightAndKeepsSpecials) {
  const auto encoding = minilm()->encode("one two three four", {.max_tokens = 4});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(101, 2028, 2048, 102));
  EXPECT_THAT(encoding->type_ids, ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(encoding->original_tokens, 6u);
  EXPECT_TRUE(encoding->truncated);
}

TEST(MiniLmTokenizer, CutsTextTokensFromTheLeftAndKeepsSpecials) {
  const auto encoding =
      minilm()->encode("one two three four", {.max_tokens = 4, .side = TruncationSide::Left});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(101, 2093, 2176, 102));
  EXPECT_EQ(encoding->original_tokens, 6u);
  EXPECT_TRUE(encoding->truncated);
}

TEST(MiniLmTokenizer, ALimitThatFitsCutsNothing) {
  const auto encoding = minilm()->encode("one two three four", {.max_tokens = 6});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_EQ(encoding->ids.size(), 6u);
  EXPECT_FALSE(encoding->truncated);
}

TEST(MiniLmTokenizer, TheLimitCountsTextTokensAloneWithoutSpecials) {
  const auto encoding =
      minilm()->encode("one two three four", {.add_special_tokens = false, .max_tokens = 1});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(2028));
  EXPECT_EQ(encoding->original_tokens, 4u);
}

TEST(MiniLmTokenizer, ALimitOfTheSpecialsLeavesNoText) {
  const auto encoding = minilm()->encode("one", {.max_tokens = 2});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(101, 102));
  EXPECT_TRUE(encoding->truncated);
}

TEST(MiniLmTokenizer, RefusesALimitBelowItsSpecialTokens) {
  const auto encoding = minilm()->encode("one", {.max_tokens = 1});
  ASSERT_FALSE(encoding);
  EXPECT_EQ(encoding.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(encoding.error().message,
              AllOf(HasSubstr("max_tokens is 1"), HasSubstr("2 special tokens")));
}

TEST(MiniLmTokenizer, EncodesTheEmptyText) {
  const auto with_specials = minilm()->encode("");
  const auto without = minilm()->encode({}, {.add_special_tokens = false});
  ASSERT_TRUE(with_specials && without);
  EXPECT_THAT(with_specials->ids, ElementsAre(101, 102));
  EXPECT_THAT(without->ids, IsEmpty());
  EXPECT_EQ(without->original_tokens, 0u);
}

TEST(MiniLmTokenizer, SpecialTokensWrittenInTheTextAreTheirIds) {
  const auto encoding = minilm()->encode("[MASK] one", {.add_special_tokens = false});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(103, 2028));
}

TEST(MiniLmTokenizer, B17_NulIsOrdinaryText) {
  // BERT's cleaning drops control characters: NUL joins what it stands between, and ends nothing.
  const auto encoding =
      minilm()->encode(std::string_view("one\0 two\0", 9), {.add_special_tokens = false});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(2028, 2048));
}

TEST(MiniLmTokenizer, B17_RefusesInvalidUtf8WithItsByteOffset) {
  struct Case {
    std::string_view text;
    size_t offset;
  };
  const std::array<Case, 6> cases = {{
      {"\xff", 0},
      {"caf\xe9", 3},               // Latin-1
      {"h\xc3\xa9\xc3", 3},         // cut inside a character
      {"ok \xed\xa0\x80", 3},       // a surrogate
      {"\xc0\xaf", 0},              // overlong
      {"\xf0\x9f\x98\x80\x80", 4},  // a stray continuation byte
  }};
  for (const auto& [text, offset] : cases) {
    const auto encoding = minilm()->encode(text);
    ASSERT_FALSE(encoding) << offset;
    EXPECT_EQ(encoding.error().code, ErrorCode::InvalidArgument);
    EXPECT_EQ(encoding.error().message,
              fmt::format("the text is not valid UTF-8 at byte {}", offset));
  }
}

TEST(MiniLmTokenizer, B59_LongTextsOfOneKindDoNotHang) {
  const auto repeated = [](std::string_view piece, size_t times) {
    std::string text;
    for (size_t i = 0; i < times; ++i) text += piece;
    return text;
  };
  const auto tokens = [](const std::string& text) {
    const auto encoding = minilm()->encode(text, {.max_tokens = 16});
    EXPECT_TRUE(encoding) << encoding.error().message;
    return encoding ? encoding->original_tokens : 0;
  };
  EXPECT_EQ(tokens(repeated(".", 100'000)), 100'002u);
  EXPECT_EQ(tokens(repeated("x", 300'000)), 3u);  // one unknown word
  EXPECT_EQ(tokens(repeated(" ", 300'000)), 2u);
  EXPECT_EQ(tokens(repeated("\u0301", 300'000)), 2u);  // accents are stripped
  EXPECT_EQ(tokens(repeated("\u4e2d", 100'000)), 100'002u);
}

TEST(MiniLmTokenizer, EightThreadsGetTheResultsOfOne) {
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i)
    texts.push_back(fmt::format("text number {} of thread-safe wörds {}", i, i * 7919));
  const auto encode_all = [&texts] {
    std::vector<std::vector<int32_t>> all;
    for (const std::string& text : texts) {
      if (auto encoding = minilm()->encode(text)) all.push_back(std::move(encoding->ids));
    }
    return all;
  };
  const auto expected = encode_all();
  ASSERT_EQ(expected.size(), texts.size());

  std::array<std::vector<std::vector<int32_t>>, 8> results;
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) threads.emplace_back([&] { result = encode_all(); });
  }
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace neso
