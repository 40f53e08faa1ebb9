// SPDX-License-Identifier: Apache-2.0
#include "base/affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Affinity, ReadsAndWritesListsAsLinuxDoes) {
  EXPECT_THAT(*parse_core_list("0"), ElementsAre(0));
  EXPECT_THAT(*parse_core_list("0-3,8"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(*parse_core_list("8,2-3,3"), ElementsAre(2, 3, 8));
  for (const char* text : {"0", "0-3,8", "1,3,5-6", "1023"})
    EXPECT_EQ(core_list(*parse_core_list(text)), text);
  EXPECT_EQ(core_list({}), "");
}

TEST(Affinity, RefusesWhatIsNoList) {
  for (const char* text :
       {"", ",", "1,", ",1", "a", "-1", "1-", "3-1", "0-1-2", "1 ", "1;2", "1024", "9999999999"})
    EXPECT_FALSE(parse_core_list(text)) << text;
}

TEST(Affinity, AThreadAndThoseThatItStartsRunWhereItIsBound) {
  const std::vector<int> before = allowed_cores();
  ASSERT_THAT(before, testing::Not(IsEmpty()));
  {
    BoundThread bound;
    EXPECT_EQ(bound.before(), before);
    ASSERT_TRUE(bound.bind({&before.back(), 1}));
    std::vector<int> started;
    std::thread([&] { started = allowed_cores(); }).join();
    EXPECT_THAT(started, ElementsAre(before.back()));
    ASSERT_TRUE(bound.bind({}));
    EXPECT_EQ(allowed_cores(), before);
    ASSERT_TRUE(bound.bind({&before.front(), 1}));
    EXPECT_THAT(allowed_cores(), ElementsAre(before.front()));
  }
  EXPECT_EQ(allowed_cores(), before);
}

}  // namespace
}  // namespace neso
