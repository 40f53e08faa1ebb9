// SPDX-License-Identifier: Apache-2.0
// Which settings of the log a message changes, and which it may not.
#include "api/grpc/log_settings.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace neso::grpc_api {
namespace {

// The log keeps its settings from one test to the next, so they are put back.
class GrpcLogSettings : public ::testing::Test {
 protected:
  ~GrpcLogSettings() override { EXPECT_TRUE(set_log_settings(before_)); }
  auto& setting(const std::string& name) { return (*request_.mutable_settings())[name]; }
  Error refusal() {
    const auto applied = apply_log_settings(request_);
    request_.clear_settings();
    return applied ? Error{ErrorCode::Internal, "applied"} : applied.error();
  }

  inference::LogSettingsRequest request_;
  const LogSettings before_ = log_settings();
};

TEST_F(GrpcLogSettings, WhatIsNamedChangesAndIsShown) {
  setting("log_error").set_bool_param(false);
  setting("log_verbose_level").set_uint32_param(2);
  setting("log_format").set_string_param("ISO8601");
  setting("colour").set_string_param("x");
  ASSERT_TRUE(apply_log_settings(request_));
  inference::LogSettingsResponse shown;
  describe(log_settings(), shown);
  EXPECT_EQ(shown.settings_size(), 6);
  EXPECT_FALSE(shown.settings().at("log_error").bool_param());
  EXPECT_EQ(shown.settings().at("log_info").bool_param(), before_.info);
  EXPECT_EQ(shown.settings().at("log_verbose_level").uint32_param(), 2U);
  EXPECT_EQ(shown.settings().at("log_format").string_param(), "ISO8601");
  EXPECT_TRUE(shown.settings().at("log_file").has_string_param());
}

TEST_F(GrpcLogSettings, AnErrorLeavesTheEarlierSettingsInForce) {
  setting("log_error").set_bool_param(false);
  setting("log_format").set_string_param("xml");
  EXPECT_EQ(refusal(),
            (Error{ErrorCode::InvalidArgument, "invalid argument for log_format, got: xml"}));
  EXPECT_FALSE(log_settings().error);
}

TEST_F(GrpcLogSettings, ValuesOfTheWrongKindAreRefused) {
  setting("log_info").set_string_param("yes");
  EXPECT_EQ(refusal().message, "expect boolean for 'log_info'");
  setting("log_verbose_level").set_bool_param(true);
  EXPECT_EQ(refusal().message, "expect int32 for 'log_verbose_level'");
  setting("log_verbose_level").set_uint32_param(3'000'000'000);
  EXPECT_EQ(refusal().message, "'log_verbose_level' must be a whole number from 0 to 2147483647");
  setting("log_format").set_bool_param(true);
  EXPECT_EQ(refusal().message, "expect string for 'log_format'");
  setting("log_file").set_string_param("x");
  EXPECT_EQ(refusal().code, ErrorCode::Unsupported);
}

}  // namespace
}  // namespace neso::grpc_api
