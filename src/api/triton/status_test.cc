// SPDX-License-Identifier: Apache-2.0
#include "api/triton/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso::triton {
namespace {

TEST(TritonStatus, MapsEveryCode) {
  EXPECT_EQ(http_status(ErrorCode::InvalidArgument), 400);
  EXPECT_EQ(http_status(ErrorCode::NotFound), 404);
  EXPECT_EQ(http_status(ErrorCode::Unsupported), 501);
  EXPECT_EQ(http_status(ErrorCode::TooLarge), 400);
  EXPECT_EQ(http_status(ErrorCode::Overloaded), 503);
  EXPECT_EQ(http_status(ErrorCode::NotReady), 503);
  EXPECT_EQ(http_status(ErrorCode::DeadlineExceeded), 503);
  EXPECT_EQ(http_status(ErrorCode::Cancelled), 400);
  EXPECT_EQ(http_status(ErrorCode::Internal), 500);
}

TEST(TritonStatus, ErrorsAreOneJsonMember) {
  const auto response = error_response(Error{ErrorCode::NotFound, "no \"x\"\n"});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"({"error":"no \"x\"\n"})");
}

TEST(TritonStatus, ASentenceWithBrokenUtf8IsStillJson) {
  EXPECT_EQ(error_body("a\x80"
                       "b \xC3\xBC \xF0\x9F\x98\x80 \xE2\x82"),
            "{\"error\":\"a?b \xC3\xBC \xF0\x9F\x98\x80 ??\"}");
}

TEST(TritonStatus, AnOverloadTellsWhenToComeBack) {
  using ::testing::ElementsAre;
  using ::testing::Pair;
  EXPECT_THAT(error_response(Error{ErrorCode::Overloaded, "full"}).headers,
              ElementsAre(Pair("Retry-After", "1")));
  EXPECT_THAT(error_response(Error{ErrorCode::Overloaded, "full", 1001}).headers,
              ElementsAre(Pair("Retry-After", "2"), Pair("Retry-After-Ms", "1001")));
}

}  // namespace
}  // namespace neso::triton
