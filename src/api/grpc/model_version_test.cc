// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/model_version.h"

#include <gtest/gtest.h>

namespace neso::grpc_api {
namespace {

TEST(ModelVersion, ReadsWhatTritonReads) {
  EXPECT_EQ(*read_version(""), std::nullopt);
  EXPECT_EQ(*read_version("3"), 3);
  EXPECT_EQ(*read_version("01"), 1);
  EXPECT_EQ(*read_version("1x"), 1);
  EXPECT_EQ(*read_version("0"), 0);
}

TEST(ModelVersion, RefusesTheRestInTritonsWords) {
  EXPECT_EQ(
      read_version("x").error().message,
      "failed to get model version from specified version string 'x' (details: stol), version "
      "should be an integral value > 0");
  EXPECT_FALSE(read_version("9223372036854775808"));
  EXPECT_EQ(read_version("-1").error().message,
            "invalid model version specified '-1' , version should be an integral value > 0");
}

}  // namespace
}  // namespace neso::grpc_api
