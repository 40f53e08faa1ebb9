// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/grpc_status.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace neso::grpc_api {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

TEST(GrpcStatus, ACallIsOverTimeByItsOwnDeadlineOnly) {
  const system_clock::time_point now{milliseconds(1000)};
  for (const ErrorCode code : {ErrorCode::Cancelled, ErrorCode::DeadlineExceeded}) {
    const Error error{code, "it waited too long"};
    EXPECT_TRUE(is_over_time(error, now, now));
    EXPECT_TRUE(is_over_time(error, now - milliseconds(1), now));
    // The time-out of the queue's policy, or a client that left.
    EXPECT_FALSE(is_over_time(error, now + milliseconds(1), now));
    EXPECT_FALSE(is_over_time(error, system_clock::time_point::max(), now));
  }
}

TEST(GrpcStatus, WhatElseGoesWrongIsToldAsWhatItIs) {
  const system_clock::time_point now{milliseconds(1000)};
  for (const ErrorCode code : {ErrorCode::InvalidArgument, ErrorCode::Overloaded})
    EXPECT_FALSE(is_over_time({code, "another reason"}, now, now));
}

}  // namespace
}  // namespace neso::grpc_api
