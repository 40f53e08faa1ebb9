// SPDX-License-Identifier: Apache-2.0
// The short way of ASCII texts (rust/src/bert_ascii.rs) gives the ids that the crate gives. A word
// that is not ASCII sends a text the crate's way, and changes nothing before it.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/file.h"
#include "base/temporary_folder.h"
#include "tokenizer/tokenizer.h"

namespace neso {
namespace {

constexpr std::string_view kForeignWord = " \u00e9";

std::vector<int32_t> ids(const Tokenizer& tokenizer, const std::string& text) {
  const auto encoding = tokenizer.encode(text, {.add_special_tokens = false});
  NESO_CHECK(encoding.has_value());
  return encoding->ids;
}

std::vector<int32_t> ids_by_the_crate(const Tokenizer& tokenizer, const std::string& text) {
  auto all = ids(tokenizer, text + std::string(kForeignWord));
  all.resize(all.size() - ids(tokenizer, std::string(kForeignWord)).size());
  return all;
}

class Texts {
 public:
  std::string next() {
    std::string text;
    for (size_t parts = pick(30); parts > 0; --parts) text += part();
    return text;
  }

 private:
  size_t pick(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }

  std::string part() {
    static constexpr std::string_view kParts[] = {
        " ",    "\t",    "\r\n",  "unaffable", "HTTPServer", "##ing", "[SEP]",
        "[SEP", "[CLS]", "[unk]", "[UNK]",     "#",          "__",    "x1",
        "0x7F", "don't", "a.b",   "\x7f",      "\v",         "\f"};
    switch (pick(4)) {
      case 0:
        return std::string(kParts[pick(std::size(kParts))]);
      case 1:
        return std::string(1, static_cast<char>(pick(128)));
      case 2:
        return std::string(pick(130), static_cast<char>('a' + pick(26)));
      default: {
        std::string word;
        for (size_t size = 1 + pick(12); size > 0; --size)
          word += static_cast<char>((pick(5) == 0 ? 'A' : 'a') + pick(26));
        return word + (pick(2) == 0 ? " " : "");
      }
    }
  }

  std::mt19937 random_{20261130};
};

void expect_the_crates_ids(const Tokenizer& tokenizer, size_t count) {
  Texts texts;
  for (size_t i = 0; i < count; ++i) {
    const std::string text = texts.next();
    ASSERT_EQ(ids(tokenizer, text), ids_by_the_crate(tokenizer, text))
        << testing::PrintToString(text);
  }
}

TEST(BertAscii, GivesTheCratesIdsForMiniLm) {
  const auto tokenizer = Tokenizer::load(NESO_TEST_MODEL "/tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_the_crates_ids(**tokenizer, 3000);
}

// {0}: the normalizer's members, {1}: the model's, {2}: added tokens, {3}: more of the vocabulary.
constexpr const char* kFile = R"({{"version": "1.0", "added_tokens": [{2}],
  "normalizer": {{"type": "BertNormalizer", {0}}},
  "pre_tokenizer": {{"type": "BertPreTokenizer"}},
  "model": {{"type": "WordPiece", {1},
    "vocab": {{{3}"u": 0, "a": 1, "b": 2, "+a": 3, "+b": 4, "+": 5, "ab": 6, "A": 7, "#": 8, "+++": 9,
               "e": 10, "x": 11, "+x1": 12, "+c": 13, "\u00e9": 14, "c": 15, "z\u00e9": 16}}}}}})";

std::shared_ptr<const Tokenizer> small(std::string_view normalizer, std::string_view model,
                                       std::string_view added = "", std::string_view tokens = "") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "tokenizer.json";
  NESO_CHECK(write_file_atomically(
                 path, fmt::format(fmt::runtime(kFile), normalizer, model, added, tokens))
                 .has_value());
  auto tokenizer = Tokenizer::load(path);
  NESO_CHECK(tokenizer.has_value());
  return *std::move(tokenizer);
}

TEST(BertAscii, GivesTheCratesIdsWhateverItsPartsSay) {
  for (const bool clean : {true, false}) {
    for (const bool lower : {true, false}) {
      for (const char* prefix : {"+", "++", "", "##"}) {
        const auto tokenizer = small(
            fmt::format(R"("clean_text": {}, "handle_chinese_chars": true, "strip_accents": null,
                           "lowercase": {})",
                        clean, lower),
            fmt::format(R"("unk_token": "u", "continuing_subword_prefix": "{}",
                           "max_input_chars_per_word": 5)",
                        prefix));
        SCOPED_TRACE(fmt::format("{} {} '{}'", clean, lower, prefix));
        expect_the_crates_ids(*tokenizer, 300);
        for (const char* text : {"ab", "aab", "ababa", "ababab", "a\vb", "ax1", "+", "++", "A aA"})
          EXPECT_EQ(ids(*tokenizer, text), ids_by_the_crate(*tokenizer, text)) << text;
      }
    }
  }
}

// Longer than any word may be: it must not cost a stack as deep.
TEST(BertAscii, ATokenOfAMegabyteStaysHarmless) {
  const std::string token(1 << 20, 'a');
  const auto tokenizer = small(
      R"("clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true)",
      R"("unk_token": "u", "continuing_subword_prefix": "+", "max_input_chars_per_word": 100)", "",
      fmt::format(R"("{}": 99, )", token));
  EXPECT_EQ(ids(*tokenizer, token), std::vector<int32_t>{0});
  EXPECT_EQ(ids(*tokenizer, "aa ab"), ids_by_the_crate(*tokenizer, "aa ab"));
}

TEST(BertAscii, LeavesAddedTokensToTheCrate) {
  for (const bool normalized : {true, false}) {
    const auto tokenizer = small(
        R"("clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true)",
        R"("unk_token": "u", "continuing_subword_prefix": "+", "max_input_chars_per_word": 100)",
        fmt::format(R"({{"id": 17, "content": "AbA", "single_word": false, "lstrip": true,
                         "rstrip": true, "normalized": {}, "special": false}})",
                    normalized));
    for (const char* text : {"aAbAb", "x AbA c", "aba", "AbA", "ab A"})
      EXPECT_EQ(ids(*tokenizer, text), ids_by_the_crate(*tokenizer, text)) << text;
    EXPECT_THAT(ids(*tokenizer, "x AbA c"), testing::ElementsAre(11, 17, 15));
  }
}

}  // namespace
}  // namespace neso
