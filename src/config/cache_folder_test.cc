// SPDX-License-Identifier: Apache-2.0
#include "config/cache_folder.h"

#include <gtest/gtest.h>

#include <map>

namespace neso {
namespace {

Environment variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

TEST(CacheFolder, PrefersOwnThenXdgThenHome) {
  EXPECT_EQ(
      *cache_folder(variables({{"NESO_CACHE", "/a"}, {"XDG_CACHE_HOME", "/b"}, {"HOME", "/c"}})),
      "/a");
  EXPECT_EQ(*cache_folder(variables({{"XDG_CACHE_HOME", "/b"}, {"HOME", "/c"}})), "/b/neso");
  EXPECT_EQ(*cache_folder(variables({{"HOME", "/c"}})), "/c/.cache/neso");
}

TEST(CacheFolder, SkipsEmptyAndRelativeXdg) {
  EXPECT_EQ(*cache_folder(variables({{"NESO_CACHE", ""}, {"XDG_CACHE_HOME", "b"}, {"HOME", "/c"}})),
            "/c/.cache/neso");
}

TEST(CacheFolder, SaysWhatToSetWhenNothingIs) {
  const auto folder = cache_folder(variables({}));
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("NESO_CACHE"), std::string::npos);
}

}  // namespace
}  // namespace neso
