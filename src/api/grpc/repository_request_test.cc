// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/repository_request.h"

#include <gtest/gtest.h>

namespace neso::grpc_api {
namespace {

TEST(GrpcRepositoryRequest, LoadsTakeAConfigAndFiles) {
  inference::RepositoryModelLoadRequest message;
  (*message.mutable_parameters())["config"].set_string_param("{}");
  (*message.mutable_parameters())["file:1/model.onnx"].set_bytes_param("bytes");
  const auto overrides = decode_load(message);
  ASSERT_TRUE(overrides) << overrides.error().message;
  EXPECT_EQ(overrides->config_json, "{}");
  EXPECT_EQ(overrides->files.at("1/model.onnx"), "bytes");
}

TEST(GrpcRepositoryRequest, OtherParametersAreRefusedInTritonsWords) {
  const auto refusal = [](const std::string& name, const auto& set) {
    inference::RepositoryModelLoadRequest message;
    set((*message.mutable_parameters())[name]);
    return decode_load(message).error().message;
  };
  EXPECT_EQ(refusal("config", [](auto& value) { value.set_bytes_param("{}"); }),
            "invalid value type for load parameter 'config', expected string_param.");
  EXPECT_EQ(refusal("file:a", [](auto& value) { value.set_string_param("x"); }),
            "invalid value type for load parameter 'file:a', expected bytes_param.");
  EXPECT_EQ(refusal("colour", [](auto& value) { value.set_string_param("red"); }),
            "unrecognized load parameter 'colour'.");
  inference::RepositoryModelLoadRequest named;
  named.set_repository_name("r");
  EXPECT_EQ(decode_load(named).error().code, ErrorCode::Unsupported);
}

TEST(GrpcRepositoryRequest, UnloadDependentsIsABool) {
  inference::RepositoryModelUnloadRequest message;
  (*message.mutable_parameters())["own"].set_int64_param(1);
  EXPECT_FALSE(decode_unload(message).value());
  (*message.mutable_parameters())["unload_dependents"].set_bool_param(true);
  EXPECT_TRUE(decode_unload(message).value());
  (*message.mutable_parameters())["unload_dependents"].set_int64_param(1);
  EXPECT_EQ(decode_unload(message).error().message,
            "invalid value type for 'unload_dependents' parameter, expected bool_param.");
}

}  // namespace
}  // namespace neso::grpc_api
