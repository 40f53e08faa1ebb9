// SPDX-License-Identifier: Apache-2.0
#include "config/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace neso {
namespace {

const std::vector<std::string> kNames = {"http-port", "grpc-port", "metrics-port",
                                         "id",        "input",     "output"};

TEST(NearestName, FindsTypingErrors) {
  EXPECT_EQ(nearest_name("http-prot", kNames), "http-port");  // neighbours swapped
  EXPECT_EQ(nearest_name("htp-port", kNames), "http-port");   // one left out
  EXPECT_EQ(nearest_name("inputt", kNames), "input");         // one too many
  EXPECT_EQ(nearest_name("metric_port", kNames), "metrics-port");
}

TEST(NearestName, TakesTheFirstOfEqualOnes) {
  EXPECT_EQ(nearest_name("xput", std::vector<std::string>{"aput", "bput"}), "aput");
}

TEST(NearestName, DoesNotGuessWildly) {
  EXPECT_EQ(nearest_name("frobnicate", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("port", std::vector<std::string>{}), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(100'000, 'a'), kNames), std::nullopt);
}

}  // namespace
}  // namespace neso
