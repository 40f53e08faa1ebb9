// SPDX-License-Identifier: Apache-2.0
// Loading: tiny tokenizer.json files, each showing one property or one defect.
#include "tokenizer/tokenizer.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Writes tokenizer.json files into a folder of its own and loads them.
class TokenizerFile : public testing::Test {
 protected:
  TokenizerFile() { fs::create_directories(folder_); }
  ~TokenizerFile() override { fs::remove_all(folder_); }

  fs::path write(std::string_view content) const {
    std::ofstream(path(), std::ios::binary) << content;
    return path();
  }

  std::shared_ptr<const Tokenizer> load(std::string_view content) const {
    auto tokenizer = Tokenizer::load(write(content));
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    return tokenizer ? *tokenizer : nullptr;
  }

  // The error of a file that must be refused; it always names the file.
  Error refusal(std::string_view content) const {
    auto tokenizer = Tokenizer::load(write(content));
    if (tokenizer) {
      ADD_FAILURE() << "was accepted: " << content;
      return {};
    }
    EXPECT_THAT(tokenizer.error().message, HasSubstr(path().string()));
    return tokenizer.error();
  }

  fs::path path() const { return folder_ / "tokenizer.json"; }

 private:
  fs::path folder_ = fs::temp_directory_path() /
                     fmt::format("neso_tokenizer_{}_{}", ::getpid(),
                                 testing::UnitTest::GetInstance()->current_test_info()->name());
};

// {"version": "1.0", <members>, "model": <model>}
std::string tokenizer_json(std::string_view model,
                           std::string_view members = R"("padding": null)") {
  return fmt::format(R"({{"version": "1.0", {}, "model": {}}})", members, model);
}

constexpr std::string_view kWordPiece =
    R"({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "red": 4, "blue": 5, "##s": 6}})";
constexpr std::string_view kWhitespace = R"("pre_tokenizer": {"type": "Whitespace"})";

// [CLS] text [SEP] of kWordPiece, with the type ids that are given for the three.
std::string bert_template(int cls_type, int text_type, int sep_type) {
  return fmt::format(
      R"("post_processor": {{"type": "TemplateProcessing", "pair": [],
          "single": [{{"SpecialToken": {{"id": "[CLS]", "type_id": {}}}}},
                     {{"Sequence": {{"id": "A", "type_id": {}}}}},
                     {{"SpecialToken": {{"id": "[SEP]", "type_id": {}}}}}],
          "special_tokens": {{"[CLS]": {{"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
                              "[SEP]": {{"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}}}}})",
      cls_type, text_type, sep_type);
}

std::string word_piece(std::string_view more_members) {
  return tokenizer_json(kWordPiece, fmt::format("{}, {}", kWhitespace, more_members));
}

TEST_F(TokenizerFile, IgnoresSavedTruncationAndPadding) {
  const auto tokenizer = load(word_piece(
      bert_template(0, 0, 0) +
      R"(, "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
           "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
                       "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"})"));
  ASSERT_TRUE(tokenizer);
  const auto encoding = tokenizer->encode("red blues red");
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(2, 4, 5, 6, 4, 3));
  EXPECT_FALSE(encoding->truncated);
}

TEST_F(TokenizerFile, TypeIdsComeFromTheTemplate) {
  const auto tokenizer = load(word_piece(bert_template(7, 1, 2)));
  ASSERT_TRUE(tokenizer);
  const auto cut = tokenizer->encode("red blue red", {.max_tokens = 4});
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_THAT(cut->ids, ElementsAre(2, 4, 5, 3));
  EXPECT_THAT(cut->type_ids, ElementsAre(7, 1, 1, 2));

  const auto plain = tokenizer->encode("red blue", {.add_special_tokens = false});
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_THAT(plain->ids, ElementsAre(4, 5));
  EXPECT_THAT(plain->type_ids, ElementsAre(1, 1));
}

TEST_F(TokenizerFile, WithoutPostProcessorNothingIsAdded) {
  const auto tokenizer = load(word_piece(R"("post_processor": null)"));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->special_tokens(), 0u);
  const auto encoding =
      tokenizer->encode("red green", {.max_tokens = 1, .side = TruncationSide::Left});
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(1));
}

TEST_F(TokenizerFile, AddedTokensExtendTheVocabulary) {
  const auto tokenizer = load(word_piece(
      R"("added_tokens": [{"id": 7, "content": "<code>", "single_word": false, "lstrip": false,
                           "rstrip": false, "normalized": false, "special": false}])"));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->vocabulary_size(), 8u);
  const auto encoding = tokenizer->encode("red<code>blue");
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(4, 7, 5));
}

TEST_F(TokenizerFile, VocabularySizeIsTheLargestIdNotACount) {
  const auto tokenizer = load(tokenizer_json(
      R"({"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "red": 40}})", kWhitespace));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->vocabulary_size(), 41u);
}

// Bytes a, b and space, then " a" and "ab"; the Roberta processor adds <s> and </s>.
constexpr std::string_view kByteLevel =
    R"({{"version": "1.0", "pre_tokenizer": {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                                             "use_regex": true}},
        "post_processor": {{"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0],
                            "trim_offsets": true, "add_prefix_space": false}},
        "model": {{"type": "BPE", "dropout": {}, "unk_token": null, "continuing_subword_prefix": null,
                   "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                   "vocab": {{"<s>": 0, "</s>": 1, "a": 2, "b": 3, "Ġ": 4, "Ġa": 5, "ab": 6}},
                   "merges": ["Ġ a", "a b"]}}}})";

TEST_F(TokenizerFile, ByteLevelBpeWithRobertaProcessor) {
  const auto tokenizer = load(fmt::format(kByteLevel, "null"));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->special_tokens(), 2u);
  const auto encoding = tokenizer->encode("ab ab");
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(0, 6, 5, 3, 1));
  EXPECT_THAT(encoding->type_ids, ElementsAre(0, 0, 0, 0, 0));
  const auto cut = tokenizer->encode("ab ab", {.max_tokens = 3, .side = TruncationSide::Left});
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_THAT(cut->ids, ElementsAre(0, 3, 1));
  EXPECT_EQ(cut->original_tokens, 5u);
}

TEST_F(TokenizerFile, SavedDropoutDoesNotMakeIdsRandom) {
  const auto tokenizer = load(fmt::format(kByteLevel, "0.5"));
  ASSERT_TRUE(tokenizer);
  for (int i = 0; i < 50; ++i) {
    const auto encoding = tokenizer->encode("ab ab");
    ASSERT_TRUE(encoding) << encoding.error().message;
    ASSERT_THAT(encoding->ids, ElementsAre(0, 6, 5, 3, 1));
  }
}

TEST_F(TokenizerFile, UnigramTakesTheLikeliestPieces) {
  const auto tokenizer = load(
      R"({"version": "1.0", "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
          "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
                    "vocab": [["<unk>", 0.0], ["▁", -4.0], ["▁a", -2.0], ["b", -3.0], ["▁ab", -6.0]]}})");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->vocabulary_size(), 5u);
  const auto encoding = tokenizer->encode("ab zz");
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(2, 3, 1, 0));
}

TEST_F(TokenizerFile, RefusesTemplatesThatRepeatOrDropTheText) {
  const auto refuse = [&](std::string_view single) {
    return refusal(word_piece(fmt::format(
        R"("post_processor": {{"type": "TemplateProcessing", "single": [{}], "pair": [],
            "special_tokens": {{"[CLS]": {{"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}}}}})",
        single)));
  };
  constexpr std::string_view kText = R"({"Sequence": {"id": "A", "type_id": 0}})";
  EXPECT_EQ(refuse(fmt::format("{}, {}", kText, kText)).code, ErrorCode::Unsupported);
  EXPECT_EQ(refuse(R"({"SpecialToken": {"id": "[CLS]", "type_id": 0}})").code,
            ErrorCode::Unsupported);
}

TEST_F(TokenizerFile, RefusesWhatIsNoTokenizerAndSaysWhatIsExpected) {
  const auto expect = [&](std::string_view content, std::string_view reason) {
    const Error error = refusal(content);
    EXPECT_EQ(error.code, ErrorCode::InvalidArgument) << content;
    EXPECT_THAT(error.message,
                AllOf(HasSubstr(reason), HasSubstr("tokenizer.json"), HasSubstr("\"model\"")));
  };
  expect("", "not JSON");
  expect("hello", "not JSON");
  expect(R"({"model": {"type": "WordPiece")", "not JSON");
  expect("\xff\xfe", "not JSON");
  expect("[1, 2]", "no tokenizer");
  expect(R"({"hidden_size": 384})", "has no \"model\"");
  expect(R"({"version": "1.0", "model": null})", "no tokenizer");
  expect(R"({"version": "1.0", "model": {"type": "Novel", "vocab": {}}})", "no tokenizer");
  expect(std::string(100'000, '['), "not JSON");
}

TEST_F(TokenizerFile, B58_RefusesBrokenModels) {
  const auto expect = [&](std::string_view content, std::string_view reason) {
    const Error error = refusal(content);
    EXPECT_NE(error.code, ErrorCode::Unsupported) << error.message;
    EXPECT_THAT(error.message, HasSubstr(reason));
  };
  expect(tokenizer_json(R"({"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]})"),
         "do not fit together");
  expect(tokenizer_json(R"({"type": "BPE", "vocab": {"a": 0, "ab": 1}, "merges": ["a b"]})"), "b");
  expect(tokenizer_json(
             R"({"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "red": 4, "blue": 4}})"),
         "two tokens have id 4");
  expect(tokenizer_json(
             R"({"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "red": 2147483647}})"),
         "2147483647");
  expect(word_piece(R"("normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="})"),
         "charsmap is corrupt");
  expect(tokenizer_json(R"({"type": "Unigram", "unk_id": 5, "vocab": [["a", 0.0]]})"),
         "UnkIdNotInVocabulary");
}

TEST_F(TokenizerFile, AnIntactCharsmapIsAccepted) {
  // A table of 1024 bytes, all 0: it replaces nothing.
  const std::string charsmap = "AAQA" + std::string(1367, 'A') + "=";
  const auto tokenizer = load(word_piece(fmt::format(
      R"("normalizer": {{"type": "Sequence", "normalizers": [
          {{"type": "Precompiled", "precompiled_charsmap": "{}"}}, {{"type": "Lowercase"}}]}})",
      charsmap)));
  ASSERT_TRUE(tokenizer);
  const auto encoding = tokenizer->encode("RED");
  ASSERT_TRUE(encoding) << encoding.error().message;
  EXPECT_THAT(encoding->ids, ElementsAre(4));
}

std::string split_on(std::string_view regex) {
  return tokenizer_json(
      kWordPiece, fmt::format(R"("pre_tokenizer": {{"type": "Split", "pattern": {{"Regex": "{}"}},
                                                    "behavior": "Isolated", "invert": false}})",
                              regex));
}

TEST_F(TokenizerFile, B58_RefusesNestedQuantifiers) {
  const Error error = refusal(split_on("(a+)+b"));
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("backtracks"));
}

TEST_F(TokenizerFile, B58_BacktrackingAtEveryPositionIsStopped) {
  const auto tokenizer = load(split_on("a+?b"));
  ASSERT_TRUE(tokenizer);
  EXPECT_TRUE(tokenizer->encode(std::string(1000, 'a')));
  const auto encoding = tokenizer->encode(std::string(50'000, 'a'));
  ASSERT_FALSE(encoding);
  EXPECT_EQ(encoding.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(encoding.error().message, HasSubstr("shorten the text"));
  EXPECT_TRUE(tokenizer->encode("red")) << "a stopped text harms no later one";
}

TEST_F(TokenizerFile, RefusesAFileOverTheLimit) {
  write("{}");
  fs::resize_file(path(), (size_t{256} << 20) + 1);  // sparse
  const auto tokenizer = Tokenizer::load(path());
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, ErrorCode::TooLarge);
  EXPECT_THAT(tokenizer.error().message, HasSubstr(path().string()));
}

TEST_F(TokenizerFile, AMissingFileIsNotFound) {
  const auto tokenizer = Tokenizer::load(path());
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, ErrorCode::NotFound);
  EXPECT_THAT(tokenizer.error().message, HasSubstr(path().string()));
}

}  // namespace
}  // namespace neso
