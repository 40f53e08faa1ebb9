// SPDX-License-Identifier: Apache-2.0
#include "model/loading/onnx_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

ModelConfig with(std::vector<GpuAccelerator> accelerators,
                 std::map<std::string, std::string> parameters = {}) {
  ModelConfig config;
  config.name = "m";
  config.gpu_accelerators = std::move(accelerators);
  config.parameters = std::move(parameters);
  return config;
}

std::string refusal(const ModelConfig& config) {
  const auto gpu = onnx_gpu(config, 0);
  return gpu ? "it is fine" : gpu.error().message;
}

TEST(OnnxOptions, AreOfTheCpuByThemselves) {
  const auto options = onnx_options(with({{"cuda", {}}}), 0);
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->gpu);
}

TEST(OnnxGpu, HasTheDefaultsOfTheProviderOnADevice) {
  const auto gpu = onnx_gpu(with({}), 2);
  ASSERT_TRUE(gpu);
  EXPECT_EQ(gpu->device, 2);
  EXPECT_THAT(gpu->cuda, IsEmpty());
  EXPECT_FALSE(gpu->tensorrt);
}

TEST(OnnxGpu, ParametersAreTheProvidersInItsWords) {
  const auto gpu = onnx_gpu(with({}, {{"cudnn_conv_algo_search", "1"},
                                      {"arena_extend_strategy", "1"},
                                      {"gpu_mem_limit", "1000"},
                                      {"do_copy_in_default_stream", "true"},
                                      {"another", "1"}}),
                            0);
  ASSERT_TRUE(gpu) << gpu.error().message;
  EXPECT_THAT(gpu->cuda, ElementsAre(Pair("arena_extend_strategy", "kSameAsRequested"),
                                     Pair("cudnn_conv_algo_search", "HEURISTIC"),
                                     Pair("do_copy_in_default_stream", "true"),
                                     Pair("gpu_mem_limit", "1000")));
}

TEST(OnnxGpu, TheCudaAcceleratorTakesAnyKey) {
  const auto gpu = onnx_gpu(with({{"cuda", {{"enable_cuda_graph", "0"}, {"gpu_mem_limit", "5"}}}},
                                 {{"gpu_mem_limit", "7"}}),
                            0);
  ASSERT_TRUE(gpu);
  EXPECT_THAT(gpu->cuda, ElementsAre(Pair("enable_cuda_graph", "0"), Pair("gpu_mem_limit", "7")));
}

TEST(OnnxGpu, TensorRtTakesTritonsKeys) {
  const auto gpu = onnx_gpu(with({{"tensorrt",
                                   {{"precision_mode", "FP16"},
                                    {"max_workspace_size_bytes", "1073741824"},
                                    {"int8_use_native_calibration_table", "false"},
                                    {"trt_engine_cache_enable", "true"},
                                    {"trt_engine_cache_path", "/cache"}}}}),
                            0);
  ASSERT_TRUE(gpu) << gpu.error().message;
  ASSERT_TRUE(gpu->tensorrt);
  EXPECT_THAT(*gpu->tensorrt,
              ElementsAre(Pair("trt_engine_cache_enable", "true"),
                          Pair("trt_engine_cache_path", "/cache"), Pair("trt_fp16_enable", "1"),
                          Pair("trt_int8_use_native_calibration_table", "false"),
                          Pair("trt_max_workspace_size", "1073741824")));
  EXPECT_THAT(*onnx_gpu(with({{"tensorrt", {{"precision_mode", "FP32"}}}}), 0)->tensorrt,
              IsEmpty());
}

TEST(OnnxGpu, RefusesWhatTritonRefuses) {
  EXPECT_THAT(refusal(with({{"tensorrt", {{"trt_speed", "1"}}}})),
              HasSubstr("unknown parameter 'trt_speed' is provided for TensorRT Execution"));
  EXPECT_THAT(refusal(with({{"tensorrt", {{"precision_mode", "FP8"}}}})),
              HasSubstr("unsupported precision mode 'FP8' is requested"));
  EXPECT_THAT(refusal(with({{"openvino", {}}})),
              HasSubstr("unknown Execution Accelerator 'openvino' is requested"));
  EXPECT_THAT(refusal(with({}, {{"cudnn_conv_algo_search", "3"}})),
              HasSubstr("'cudnn_conv_algo_search' is '3'; it is a number from 0 to 2"));
}

}  // namespace
}  // namespace neso
