// SPDX-License-Identifier: Apache-2.0
#include "app/text_table.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

TEST(TextTable, LooksAsTritonsDoes) {
  EXPECT_EQ(text_table({"Model", "Version"}, {{"bert", "1"}, {"a", "12345678"}}),
            "+-------+----------+\n"
            "| Model | Version  |\n"
            "+-------+----------+\n"
            "| bert  | 1        |\n"
            "| a     | 12345678 |\n"
            "+-------+----------+\n");
}

TEST(TextTable, WithoutRowsHasThreeRules) {
  EXPECT_EQ(text_table({"A"}, {}), "+---+\n| A |\n+---+\n+---+\n");
}

}  // namespace
}  // namespace neso
