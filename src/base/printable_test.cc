// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

TEST(Printable, LeavesWhatCanBeShown) {
  for (const char* text : {"", "a b", "Zwölf Boxkämpfer", "日本語", "😀", "'\"\\{}"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, B70_NothingReachesATerminalThatMovesItsCursor) {
  EXPECT_EQ(printable("a\x1b[2J"), "a?[2J");
  EXPECT_EQ(printable("a\nb\tc\r"), "a b c ");
  EXPECT_EQ(printable(std::string_view("a\0b\x7f", 4)), "a?b?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "?2J");
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(Printable, WhatIsNoUtf8IsOneMarkAByte) {
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("a\xe2\x82"), "a??");
  EXPECT_EQ(printable("\xc0\xaf"), "??");
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????");
  EXPECT_EQ(printable("\xe0\x80\x80"), "???");
}

}  // namespace
}  // namespace neso
