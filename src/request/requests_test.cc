// SPDX-License-Identifier: Apache-2.0
#include "request/requests.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

Tensor tensor(DType dtype, Shape shape, size_t bytes) {
  return {dtype, std::move(shape), std::vector<std::byte>(bytes)};
}

TEST(TextBytes, AreThoseOfElementsOfAnyLengthWithRoomForAPromptEach) {
  InferRequest request;
  request.inputs.push_back({"text", tensor(DType::Bytes, {3, 1}, 100)});
  request.inputs.push_back({"ids", tensor(DType::Int64, {1, 64}, 512)});
  EXPECT_EQ(text_bytes(request), 100U + 3 * 64);
}

TEST(TextBytes, AreAlsoThoseInAClientsMemory) {
  InferRequest request;
  request.inputs.push_back({"ids", tensor(DType::Int64, {8}, 0)});
  request.inputs.push_back({"text", tensor(DType::Bytes, {1}, 0)});
  request.shared_inputs.push_back({.index = 0, .slice = {.byte_size = 64}});
  request.shared_inputs.push_back({.index = 1, .slice = {.byte_size = 5000}});
  EXPECT_EQ(text_bytes(request), 5000U + 64);
  EXPECT_EQ(shared_bytes(request), 5064U);
}

TEST(TextBytes, MayBeAllOfARawInput) {
  InferRequest request;
  request.raw = true;
  request.inputs.push_back({"", tensor(DType::Uint8, {700}, 700)});
  EXPECT_GE(text_bytes(request), 700U);
}

}  // namespace
}  // namespace neso
