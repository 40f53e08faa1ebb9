// SPDX-License-Identifier: Apache-2.0
#include "net/content_coding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso::net {
namespace {

using ::testing::HasSubstr;

constexpr size_t kEnough = 1 << 20;

std::string long_text() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i);
  return text;
}

std::string refusal(std::string_view body, size_t max_bytes = kEnough) {
  const auto plain = decompress(body, max_bytes);
  return plain ? "accepted" : plain.error().message;
}

TEST(ContentCoding, WhatIsCompressedComesBackFromEitherFrame) {
  for (const std::string& text : {std::string(), std::string("x"), long_text()}) {
    for (const Coding coding : {Coding::Gzip, Coding::Deflate}) {
      const auto packed = compress(text, coding);
      ASSERT_TRUE(packed);
      EXPECT_EQ(decompress(*packed, kEnough).value(), text);
    }
  }
}

TEST(ContentCoding, TheFramesAreThoseOfTheirNames) {
  EXPECT_EQ(compress("x", Coding::Gzip)->substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(compress("x", Coding::Deflate)->front(), '\x78');
}

TEST(ContentCoding, WhatIsNoStreamIsRefused) {
  EXPECT_THAT(refusal("{\"inputs\":[]}"), HasSubstr("is no gzip or zlib stream"));
  EXPECT_EQ(refusal(""), "nothing to be decompressed");
}

TEST(ContentCoding, EveryCutAndEveryTailIsRefused) {
  const std::string packed = *compress("some text that is not very long", Coding::Gzip);
  for (size_t length = 1; length < packed.size(); ++length) {
    EXPECT_THAT(refusal(packed.substr(0, length)), HasSubstr("it is cut")) << length;
  }
  EXPECT_THAT(refusal(packed + "x"), HasSubstr("1 bytes stand behind its end"));
}

TEST(ContentCoding, EveryFlippedByteIsRefusedOrGivesTheSameText) {
  const std::string text = "some text that is not very long";
  const std::string packed = *compress(text, Coding::Gzip);
  for (size_t i = 0; i < packed.size(); ++i) {
    std::string damaged = packed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    const auto plain = decompress(damaged, kEnough);
    if (plain) {
      EXPECT_EQ(*plain, text) << i;  // a byte of the frame that says nothing about the text
    }
  }
}

TEST(ContentCoding, ABombIsRefusedAtTheLimit) {
  const std::string packed = *compress(std::string(kEnough, 'x'), Coding::Gzip);
  EXPECT_LT(packed.size(), 2000U);
  EXPECT_EQ(decompress(packed, kEnough).value().size(), kEnough);
  EXPECT_THAT(refusal(packed, kEnough - 1), HasSubstr("larger than 1048575 bytes"));
  EXPECT_THAT(refusal(packed, 0), HasSubstr("larger than 0 bytes"));
}

TEST(ContentCoding, OnlyTheThreeWordsAreKnown) {
  EXPECT_EQ(coding_from("gzip").value(), Coding::Gzip);
  EXPECT_EQ(coding_from("identity").value(), Coding::Identity);
  for (const char* word : {"", "GZIP", "br", "gzip, deflate"}) {
    ASSERT_FALSE(coding_from(word)) << word;
    EXPECT_EQ(coding_from(word).error().code, ErrorCode::Unsupported);
  }
}

TEST(ContentCoding, TheHighestWeightWinsAndTheFirstOfEquals) {
  EXPECT_EQ(choose_coding("gzip, deflate"), Coding::Gzip);
  EXPECT_EQ(choose_coding("deflate,gzip"), Coding::Deflate);
  EXPECT_EQ(choose_coding("deflate;q=0.5,gzip"), Coding::Gzip);
  EXPECT_EQ(choose_coding("gzip;q=0.5, identity"), Coding::Identity);
  EXPECT_EQ(choose_coding("deflate;q=0.5, gzip;q=2"), Coding::Gzip);
  EXPECT_EQ(choose_coding("br, gzip"), Coding::Gzip);
}

TEST(ContentCoding, WhatCannotBeReadIsPassedOver) {
  for (const char* header : {"", "*", "br", "gzip;q=0", "gzip; q =1", "gzip ;q=1", "gzip;q=x",
                             "gzip;level=9", ",,", "GZIP"}) {
    EXPECT_EQ(choose_coding(header), Coding::Identity) << header;
  }
}

}  // namespace
}  // namespace neso::net
