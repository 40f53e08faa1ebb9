// SPDX-License-Identifier: Apache-2.0
// The logging extension: which settings a body changes, and which it may not.
#include "api/triton/logging_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso::triton {
namespace {

using ::testing::HasSubstr;

// The log keeps its settings from one test to the next, so they are put back.
class LoggingApi : public ::testing::Test {
 protected:
  ~LoggingApi() override { EXPECT_TRUE(set_log_settings(before_)); }

  static Error refusal(std::string_view body) {
    const auto applied = apply_log_settings(body);
    return applied ? Error{ErrorCode::Internal, "applied"} : applied.error();
  }
  const LogSettings before_ = log_settings();
};

TEST_F(LoggingApi, SettingsAreShownInTritonsForm) {
  EXPECT_EQ(log_settings_json({.warning = false, .verbose_level = 3, .format = LogFormat::Iso8601}),
            R"({"log_file":"","log_info":true,"log_warning":false,"log_error":true,)"
            R"("log_verbose_level":3,"log_format":"ISO8601"})");
}

TEST_F(LoggingApi, WhatABodyNamesChangesAndNullKeeps) {
  ASSERT_TRUE(apply_log_settings(
      R"({"log_file":null,"log_info":null,"log_error":false,"log_verbose_level":2,)"
      R"("log_format":"ISO8601","colour":1})"));
  EXPECT_EQ(log_settings().info, before_.info);
  EXPECT_FALSE(log_settings().error);
  EXPECT_EQ(log_settings().verbose_level, 2);
  EXPECT_EQ(log_settings().format, LogFormat::Iso8601);
  for (const char* body : {"{}", "[1]", "7"}) EXPECT_TRUE(apply_log_settings(body)) << body;
}

TEST_F(LoggingApi, AnErrorLeavesTheEarlierSettingsInForce) {
  EXPECT_EQ(refusal(R"({"log_format":"xml","log_error":false})"),
            (Error{ErrorCode::NotReady, "invalid argument for --log_format, got: xml"}));
  EXPECT_FALSE(log_settings().error);
  EXPECT_EQ(refusal(R"({"log_file":"x","log_warning":false})"),
            (Error{ErrorCode::Unsupported,
                   "log file location can not be updated through network protocol"}));
  EXPECT_EQ(log_settings().warning, before_.warning);
}

TEST_F(LoggingApi, ValuesOfTheWrongKindAreRefused) {
  for (const char* body : {R"({"log_info":0})", R"({"log_warning":"x"})", R"({"log_format":7})",
                           R"({"log_verbose_level":-1})", R"({"log_verbose_level":1.0})",
                           R"({"log_verbose_level":4294967297})"}) {
    EXPECT_EQ(refusal(body).code, ErrorCode::InvalidArgument) << body;
    EXPECT_THAT(refusal(body).message, HasSubstr("must be")) << body;
  }
  EXPECT_THAT(refusal("").message, HasSubstr("failed to parse the request JSON buffer: "));
}

}  // namespace
}  // namespace neso::triton
