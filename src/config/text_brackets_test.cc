// SPDX-License-Identifier: Apache-2.0
#include "config/text_brackets.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

TEST(TextBrackets, PairsThemOutsideOfStringsAndComments) {
  for (const char* text : {"", "a { b: [ 1 ] c < > }", "a: \"{\" b: '[' # }\n", R"(a: "\"{")",
                           "# { unclosed in a comment"}) {
    EXPECT_FALSE(find_bracket_fault(text)) << text;
  }
}

TEST(TextBrackets, TellsTheOpenOneAndWhereItShows) {
  const auto unclosed = find_bracket_fault("a { b [ ]");
  ASSERT_TRUE(unclosed);
  EXPECT_EQ(unclosed->open, 2u);
  EXPECT_EQ(unclosed->at, 9u);
  const auto wrong = find_bracket_fault("a { b [ }");
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->open, 6u);
  EXPECT_EQ(wrong->at, 8u);
  const auto extra = find_bracket_fault("a { } ]");
  ASSERT_TRUE(extra);
  EXPECT_FALSE(extra->open);
  EXPECT_EQ(extra->at, 6u);
}

TEST(TextBrackets, LeavesAnUnfinishedStringToTheParser) {
  EXPECT_FALSE(find_bracket_fault("a { b: \"c\n}"));
  EXPECT_FALSE(find_bracket_fault("a { b: \"c\\"));
}

}  // namespace
}  // namespace neso
