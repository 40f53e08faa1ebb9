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
  const auto response = error_response(Error{ErrorCode::NotFound, "no \"x\"\n\x1b"});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"({"error":"no \"x\" ?"})");
}

TEST(TritonStatus, ASentenceWithBrokenUtf8IsStillJson) {
  EXPECT_EQ(error_body("a\x80"
                       "b \xC3\xBC \xF0\x9F\x98\x80 \xE2\x82"),
            "{\"error\":\"a?b \xC3\xBC \xF0\x9F\x98\x80 ??\"}");
}

TEST(TritonStatus, B10_AClientsOwnWordsDoNotMakeASentenceLong) {
  const std::string plain = error_body("model '" + std::string(100'000, 'x') + "' is not found");
  EXPECT_LE(plain.size(), 1024U);
  EXPECT_TRUE(plain.starts_with("{\"error\":\"model 'xxx") && plain.ends_with("xxx...\"}"));
  EXPECT_LE(error_body(std::string(5000, '"')).size(), 1024U);
  EXPECT_LE(error_body(std::string(5000, '\0')).size(), 1024U);
  const std::string just_fits(960, 'y');
  EXPECT_EQ(error_body(just_fits), "{\"error\":\"" + just_fits + "\"}");
}

TEST(TritonStatus, ReasonsOfTheCounter) {
  EXPECT_EQ(error_reason(400), RequestErrorReason::InvalidArgument);
  EXPECT_EQ(error_reason(403), RequestErrorReason::Forbidden);
  EXPECT_EQ(error_reason(404), RequestErrorReason::NotFound);
  EXPECT_EQ(error_reason(405), RequestErrorReason::Unsupported);
  EXPECT_EQ(error_reason(408), RequestErrorReason::TimedOut);
  EXPECT_EQ(error_reason(413), RequestErrorReason::TooLarge);
  EXPECT_EQ(error_reason(431), RequestErrorReason::TooLarge);
  EXPECT_EQ(error_reason(500), RequestErrorReason::Internal);
  EXPECT_EQ(error_reason(501), RequestErrorReason::Unsupported);
  EXPECT_EQ(error_reason(503), RequestErrorReason::Unavailable);
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
