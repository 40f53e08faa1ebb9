// SPDX-License-Identifier: Apache-2.0
// What a message changes of the trace settings.
#include "api/grpc/trace_setting.h"

#include <gtest/gtest.h>

#include <string>

namespace neso::grpc_api {
namespace {

inference::TraceSettingRequest request(const std::string& name, const TraceWords& values) {
  inference::TraceSettingRequest message;
  auto& setting = (*message.mutable_settings())[name];
  for (const std::string& value : values) setting.add_value(value);
  return message;
}

TEST(GrpcTraceSetting, ValuesSetAndNoValuesClear) {
  EXPECT_EQ(**read_change(request("trace_rate", {"7"}))->rate, 7U);
  EXPECT_TRUE((**read_change(request("trace_level", {"TENSORS"}))->level).tensors);
  const auto cleared = read_change(request("trace_count", {}));
  ASSERT_TRUE(cleared->count);
  EXPECT_FALSE(*cleared->count);
  EXPECT_FALSE(cleared->rate);
  ASSERT_TRUE(read_change(request("trace_level", {}))->level);
  EXPECT_TRUE(read_change(request("trace_mode", {"x", "y"}))) << "unknown settings are passed over";
}

TEST(GrpcTraceSetting, MistakesAreToldInTritonsWords) {
  EXPECT_EQ(read_change(request("log_frequency", {"1", "2"})).error().message,
            "expect only 1 value for 'log_frequency'");
  EXPECT_EQ(read_change(request("trace_count", {"-3"})).error().message,
            "Unable to parse 'trace_count'. Expecting value >= -1, got: -3");
  EXPECT_EQ(read_change(request("trace_file", {})).error().code, ErrorCode::Unsupported);
}

TEST(GrpcTraceSetting, EveryRowIsASetting) {
  inference::TraceSettingResponse response;
  describe({{"trace_level", {"TIMESTAMPS", "TENSORS"}}, {"trace_rate", {"1"}}}, response);
  EXPECT_EQ(response.settings_size(), 2);
  EXPECT_EQ(response.settings().at("trace_level").value_size(), 2);
  EXPECT_EQ(response.settings().at("trace_rate").value(0), "1");
}

}  // namespace
}  // namespace neso::grpc_api
