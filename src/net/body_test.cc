// SPDX-License-Identifier: Apache-2.0
#include "net/body.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

namespace neso::net {
namespace {

TEST(Body, GrowsAndKeepsItsAlignment) {
  Body body;
  EXPECT_TRUE(body.empty());
  body.align_at(100);
  std::string expected;
  for (char c = 'a'; c <= 'z'; ++c) {
    const std::string piece(static_cast<size_t>(c) * 3, c);
    body.append(piece, 1 << 20);
    expected += piece;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(body.view().data() + 100) % Body::kAlignment, 0U) << c;
  }
  EXPECT_EQ(body.view(), expected);
  EXPECT_GE(body.memory_bytes(), body.size());
}

TEST(Body, TakesNoMoreMemoryThanTheWholeNeeds) {
  Body body;
  body.append(std::string(600, 'x'), 1000);
  body.append("y", 1000);
  EXPECT_EQ(body.memory_bytes(), 1000U);
}

TEST(Body, OwnerKeepsTheBytesInTheirPlace) {
  Body body;
  body.append("hello", 5);
  const std::string_view bytes = body;
  const auto owner = body.owner();
  body = {};
  EXPECT_EQ(bytes, "hello");
}

TEST(Body, ACopyIsNotChangedByWhatTheOtherAppends) {
  Body body;
  body.append("ab", 100);
  const Body copy = body;
  body.append("cd", 100);
  EXPECT_EQ(body.view(), "abcd");
  EXPECT_EQ(copy.view(), "ab");
}

TEST(Body, IsEmptyWhenItWasMoved) {
  Body body = std::string("moved");
  const Body other = std::move(body);
  EXPECT_EQ(other.view(), "moved");
  EXPECT_TRUE(body.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(body.view(), "");
}

TEST(Body, TakesATextOver) {
  Body body = std::string("taken over, because it is longer than a short string");
  const Body copy = body;
  EXPECT_EQ(copy.view().data(), body.view().data());
  body.append("!", 100);
  EXPECT_EQ(body.view(), "taken over, because it is longer than a short string!");
}

}  // namespace
}  // namespace neso::net
