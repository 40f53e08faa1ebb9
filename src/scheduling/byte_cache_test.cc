// SPDX-License-Identifier: Apache-2.0
#include "scheduling/byte_cache.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

std::shared_ptr<const int> value(int number) {
  return std::make_shared<const int>(number);
}

TEST(ByteCache, KeepsWhatFitsAndForgetsTheLeastRecentlyUsed) {
  ByteCache<int> cache(2500);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(cache.put(std::to_string(i), value(i), 1000));
  EXPECT_EQ(*cache.find("0"), 0);  // now "1" is the oldest
  EXPECT_TRUE(cache.put("2", value(2), 1000));
  EXPECT_EQ(cache.find("1"), nullptr);
  EXPECT_EQ(*cache.find("0"), 0);
  EXPECT_EQ(*cache.find("2"), 2);
  const auto levels = cache.levels();
  EXPECT_EQ(levels.entries, 2U);
  EXPECT_EQ(levels.evictions, 1U);
  EXPECT_LE(levels.bytes, cache.capacity());
}

TEST(ByteCache, ANewValueReplacesTheOldOne) {
  ByteCache<int> cache(10'000);
  cache.put("a", value(1), 100);
  const uint64_t bytes = cache.levels().bytes;
  cache.put("a", value(2), 100);
  EXPECT_EQ(*cache.find("a"), 2);
  EXPECT_EQ(cache.levels().bytes, bytes);
  EXPECT_EQ(cache.levels().entries, 1U);
}

TEST(ByteCache, WhatWouldNotFitAloneIsNotKept) {
  ByteCache<int> cache(1000);
  EXPECT_TRUE(cache.put("a", value(1), 10));
  EXPECT_FALSE(cache.put("b", value(2), 1000));
  EXPECT_FALSE(cache.put("c", value(3), UINT64_MAX));
  EXPECT_FALSE(cache.put(std::string(2000, 'k'), value(4), 1));
  EXPECT_EQ(*cache.find("a"), 1);
}

TEST(ByteCache, AValueOutlivesItsPlace) {
  ByteCache<int> cache(1200);
  cache.put("a", value(1), 1000);
  const auto held = cache.find("a");
  cache.put("b", value(2), 1000);
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_EQ(*held, 1);
}

}  // namespace
}  // namespace neso
