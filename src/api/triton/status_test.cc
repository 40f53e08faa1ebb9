// SPDX-License-Identifier: Apache-2.0
#include "api/triton/status.h"

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

TEST(TritonStatus, AnOverloadTellsWhenToComeBack) {
  EXPECT_EQ(error_response(Error{ErrorCode::Overloaded, "full"}).headers.at(0).first,
            "Retry-After");
}

}  // namespace
}  // namespace neso::triton
