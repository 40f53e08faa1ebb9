// SPDX-License-Identifier: Apache-2.0
// With a library that has the providers' functions, but no GPU behind them, and with one for CPUs.
#include "engine/onnx/gpu_providers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "base/temporary_folder.h"
#include "engine/onnx/onnx_fixture.h"

namespace neso {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class GpuProviders : public testing::Test {
 protected:
  GpuProviders() { setenv("STAND_IN_LOG", log_.c_str(), 1); }
  ~GpuProviders() override {
    unsetenv("STAND_IN_LOG");
    unsetenv("STAND_IN_FAILS");
  }
  static std::shared_ptr<OnnxRuntime> gpu_runtime() {
    return *open_onnx_runtime(NESO_STAND_INS "/libonnxruntime.so.1");
  }
  static Result<std::unique_ptr<Engine>> open(const OnnxGpu& gpu) {
    OnnxOptions options;
    options.gpu = gpu;
    return open_onnx_engine(gpu_runtime(), onnx_fixture::model_path("identity_fp32"), options);
  }
  std::string set_up() const {
    const auto lines = read_file(log_, 10'000);
    return lines ? *lines : std::string();
  }

  TemporaryFolder folder_;
  const std::string log_ = folder_.path() / "log";
};

TEST_F(GpuProviders, AreThoseOfTheLibrary) {
  EXPECT_THAT(*available_providers(gpu_runtime()->api()), Contains("CUDAExecutionProvider"));
  EXPECT_THAT(*available_providers(onnx_fixture::runtime()->api()),
              AllOf(Contains("CPUExecutionProvider"), Not(Contains("CUDAExecutionProvider"))));
}

TEST_F(GpuProviders, ALibraryForCpusSaysHowToGetAnother) {
  EXPECT_TRUE(check_cuda_provider(*gpu_runtime()));
  const auto refused = check_cuda_provider(*onnx_fixture::runtime());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("build for CPUs"), HasSubstr("'onnxruntime-gpu'"),
                    HasSubstr("--onnxruntime-library")));
}

TEST_F(GpuProviders, CudaGetsTheDeviceAndTheSettings) {
  const auto engine = open({.device = 3, .cuda = {{"gpu_mem_limit", "1000"}}});
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ((*engine)->info().device, "GPU 3");
  EXPECT_EQ(set_up(), "CUDA device_id=3 gpu_mem_limit=1000\n");
}

TEST_F(GpuProviders, TensorRtComesFirst) {
  ASSERT_TRUE(open({.device = 1, .tensorrt = {{{"trt_fp16_enable", "1"}}}}));
  EXPECT_EQ(set_up(), "TensorRT device_id=1 trt_fp16_enable=1\nCUDA device_id=1\n");
}

TEST_F(GpuProviders, ThatCannotBeSetUpSayWhy) {
  setenv("STAND_IN_FAILS", "CUDA", 1);
  const auto engine = open({});
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, AllOf(HasSubstr("Failed to load library"),
                                            HasSubstr("libcublasLt.so.13: cannot open")));
}

TEST_F(GpuProviders, OfALibraryForCpusCannotBeSetUp) {
  OnnxOptions options;
  options.gpu.emplace();
  const auto engine =
      open_onnx_engine(onnx_fixture::runtime(), onnx_fixture::model_path("identity_fp32"), options);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, HasSubstr("CUDA execution provider is not enabled"));
}

}  // namespace
}  // namespace neso
