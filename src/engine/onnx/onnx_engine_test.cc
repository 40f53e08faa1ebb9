// SPDX-License-Identifier: Apache-2.0
// Raw tensors through real graphs, and files that are no graphs.
#include "engine/onnx/onnx_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <numeric>

#include "base/temporary_folder.h"
#include "engine/onnx/onnx_fixture.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using onnx_fixture::model_bytes;
using onnx_fixture::model_path;
using onnx_fixture::open_error;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

template <typename T>
NamedTensor named(std::string name, DType dtype, Shape shape, std::vector<T> values) {
  return {std::move(name), Tensor::from(dtype, std::move(shape), std::span<const T>(values))};
}

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.as<T>().begin(), tensor.as<T>().end()};
}

Result<std::vector<NamedTensor>> run(Engine& engine, std::vector<NamedTensor> inputs,
                                     std::vector<std::string> outputs = {}) {
  return engine.run(inputs, outputs);
}

struct TypeCase {
  const char* model;
  DType dtype;
};

class OnnxTypes : public testing::TestWithParam<TypeCase> {};

TEST_P(OnnxTypes, PassUnchanged) {
  auto engine = onnx_fixture::open(GetParam().model);
  EXPECT_EQ(engine->info().inputs,
            (std::vector<TensorSpec>{{"INPUT0", GetParam().dtype, {-1, -1}}}));
  std::vector<std::byte> bytes(6 * element_size(GetParam().dtype));
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(GetParam().dtype == DType::Bool ? i % 2 : i * 37);
  }
  const auto result = run(*engine, {{"INPUT0", Tensor(GetParam().dtype, {2, 3}, bytes)}});
  ASSERT_TRUE(result);
  ASSERT_EQ(result->size(), 1u);
  EXPECT_EQ(result->front().name, "OUTPUT0");
  const Tensor& output = result->front().tensor;
  EXPECT_EQ(output.dtype(), GetParam().dtype);
  EXPECT_EQ(output.shape(), (Shape{2, 3}));
  EXPECT_EQ(std::vector(output.bytes().begin(), output.bytes().end()), bytes);
}

TEST_P(OnnxTypes, PassWithoutElements) {
  auto engine = onnx_fixture::open(GetParam().model);
  const auto result =
      run(*engine, {{"INPUT0", Tensor(GetParam().dtype, {0, 3}, std::vector<std::byte>())}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->front().tensor.shape(), (Shape{0, 3}));
  EXPECT_TRUE(result->front().tensor.bytes().empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, OnnxTypes,
    testing::Values(
        TypeCase{"identity_bool", DType::Bool}, TypeCase{"identity_uint8", DType::Uint8},
        TypeCase{"identity_uint16", DType::Uint16}, TypeCase{"identity_uint32", DType::Uint32},
        TypeCase{"identity_uint64", DType::Uint64}, TypeCase{"identity_int8", DType::Int8},
        TypeCase{"identity_int16", DType::Int16}, TypeCase{"identity_int32", DType::Int32},
        TypeCase{"identity_int64", DType::Int64}, TypeCase{"identity_fp16", DType::Fp16},
        TypeCase{"identity_fp32", DType::Fp32}, TypeCase{"identity_fp64", DType::Fp64},
        TypeCase{"identity_bf16", DType::Bf16}),
    [](const auto& info) { return std::string(info.param.model); });

TEST(OnnxStrings, PassWithAnyBytes) {
  auto engine = onnx_fixture::open("identity_bytes");
  const std::vector<std::string> elements = {
      "", "plain", std::string("a\0b", 3), "\xff\xfe", std::string(5000, 'x'), "é"};
  const Tensor input = Tensor::from_strings({3, 2}, elements);
  const auto result = run(*engine, {{"INPUT0", input}});
  ASSERT_TRUE(result);
  const Tensor& output = result->front().tensor;
  EXPECT_EQ(output.dtype(), DType::Bytes);
  EXPECT_EQ(output.shape(), (Shape{3, 2}));
  EXPECT_TRUE(std::ranges::equal(output.bytes(), input.bytes()));
}

TEST(OnnxStrings, PassWithoutElements) {
  auto engine = onnx_fixture::open("identity_bytes");
  const auto result = run(*engine, {{"INPUT0", Tensor::from_strings({2, 0}, {})}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->front().tensor.shape(), (Shape{2, 0}));
  EXPECT_TRUE(result->front().tensor.bytes().empty());
}

std::vector<NamedTensor> simple_inputs() {
  std::vector<int32_t> a(16);
  std::iota(a.begin(), a.end(), 0);
  return {named<int32_t>("INPUT1", DType::Int32, {1, 16}, std::vector<int32_t>(16, 1)),
          named<int32_t>("INPUT0", DType::Int32, {1, 16}, a)};
}

TEST(OnnxEngine, DescribesItself) {
  const auto engine = onnx_fixture::open("simple");
  const EngineInfo& info = engine->info();
  EXPECT_EQ(info.name, "onnx");
  EXPECT_EQ(info.device, "CPU");
  EXPECT_TRUE(info.can_run);
  EXPECT_FALSE(info.can_encode);
  EXPECT_EQ(info.inputs, (std::vector<TensorSpec>{{"INPUT0", DType::Int32, {-1, 16}},
                                                  {"INPUT1", DType::Int32, {-1, 16}}}));
  EXPECT_EQ(info.outputs, (std::vector<TensorSpec>{{"OUTPUT0", DType::Int32, {-1, 16}},
                                                   {"OUTPUT1", DType::Int32, {-1, 16}}}));
}

TEST(OnnxEngine, RunsSeveralInputsAndOutputs) {
  auto engine = onnx_fixture::open("simple");
  const auto result = run(*engine, simple_inputs());
  ASSERT_TRUE(result);
  ASSERT_EQ(result->size(), 2u);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ((*result)[0].tensor.as<int32_t>()[i], i + 1);
    EXPECT_EQ((*result)[1].tensor.as<int32_t>()[i], i - 1);
  }
}

TEST(OnnxEngine, AnswersTheWantedOutputsInTheirOrder) {
  auto engine = onnx_fixture::open("simple");
  const auto swapped = run(*engine, simple_inputs(), {"OUTPUT1", "OUTPUT0"});
  ASSERT_TRUE(swapped);
  EXPECT_EQ((*swapped)[0].name, "OUTPUT1");
  EXPECT_EQ((*swapped)[0].tensor.as<int32_t>()[0], -1);
  EXPECT_EQ(run(*engine, simple_inputs(), {"OUTPUT0"})->size(), 1u);
}

TEST(OnnxEngine, ChecksARequestBeforeTheLibrarySeesIt) {
  auto engine = onnx_fixture::open("simple");
  const auto missing = run(*engine, {simple_inputs()[0]});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), (Error{ErrorCode::InvalidArgument,
                                    "input 'INPUT0' is missing; the model takes INPUT0, INPUT1"}));
  EXPECT_EQ(run(*engine, simple_inputs(), {"OUTPUT2"}).error().code, ErrorCode::InvalidArgument);
  EXPECT_TRUE(run(*engine, simple_inputs()));
}

TEST(OnnxEngine, TakesViewsThatAreNotAligned) {
  auto engine = onnx_fixture::open("double");
  alignas(8) std::array<std::byte, 16> memory{};
  const std::array<float, 3> x = {1, 2, 3};
  std::memcpy(memory.data() + 1, x.data(), sizeof(x));
  const Tensor view(DType::Fp32, {3}, std::span(memory).subspan(1, sizeof(x)), nullptr);
  const auto result = run(*engine, {{"X", view}});
  ASSERT_TRUE(result);
  EXPECT_THAT(values<float>(result->front().tensor), ElementsAre(2, 4, 6));
}

TEST(OnnxEngine, RunsScalars) {
  auto engine = onnx_fixture::open("scalar");
  EXPECT_EQ(engine->info().outputs[0].shape, Shape{});
  const auto result = run(*engine, {named<float>("X", DType::Fp32, {3}, {1, 2, 3}),
                                    named<float>("FACTOR", DType::Fp32, {}, {10})});
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)[0].tensor.shape(), Shape{});
  EXPECT_THAT(values<float>((*result)[0].tensor), ElementsAre(6));
  EXPECT_THAT(values<float>((*result)[1].tensor), ElementsAre(60));
}

TEST(OnnxEngine, OutputsOutliveEngineAndRequest) {
  auto engine = onnx_fixture::open("passthrough");
  std::vector<NamedTensor> inputs = {named<float>("X", DType::Fp32, {4}, {1, 2, 3, 4})};
  auto result = engine->run(inputs, {});
  ASSERT_TRUE(result);
  inputs.clear();
  engine.reset();
  EXPECT_THAT(values<float>((*result)[0].tensor), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(values<float>((*result)[1].tensor), ElementsAre(-1, -2, -3, -4));
}

TEST(OnnxEngine, ARunThatFailsOnItsInputsIsTheClientsError) {
  auto engine = onnx_fixture::open("fails_at_run");
  const auto request = [&](int64_t index, std::vector<int64_t> target, const char* output) {
    return run(*engine,
               {named<int64_t>("INDEX", DType::Int64, {1}, {index}),
                named<float>("X", DType::Fp32, {3}, {1, 2, 3}),
                named<int64_t>("TARGET", DType::Int64, {2}, target)},
               {output});
  };
  const auto gather = request(7, {3, 1}, "PICKED");
  ASSERT_FALSE(gather);
  EXPECT_EQ(gather.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(gather.error().message, HasSubstr("out of data bounds, idx=7"));
  const auto reshape = request(1, {2, 2}, "SHAPED");
  ASSERT_FALSE(reshape);
  EXPECT_EQ(reshape.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(reshape.error().message,
              AllOf(HasSubstr("the model's Reshape node cannot compute with these inputs"),
                    HasSubstr("cannot be reshaped"), Not(HasSubstr(".h:")), Not(HasSubstr("::"))));
  EXPECT_TRUE(request(1, {3, 1}, "SHAPED"));
}

TEST(OnnxEngine, ReadsExternalDataFromItsFolder) {
  auto engine = onnx_fixture::open("external_good");
  const auto result = run(*engine, {named<float>("X", DType::Fp32, {4}, {1, 1, 1, 1})});
  ASSERT_TRUE(result);
  EXPECT_THAT(values<float>(result->front().tensor), ElementsAre(1, 2, 3, 4));
}

TEST(OnnxEngine, RefusesExternalDataOutsideItsFolder) {
  EXPECT_EQ(open_error(model_path("external_parent")).code, ErrorCode::InvalidArgument);
  EXPECT_THAT(open_error(model_path("external_parent")).message, HasSubstr("is not allowed"));
}

TEST(OnnxEngine, RefusesExternalDataThatIsTooShort) {
  TemporaryFolder folder;
  folder.write("external.bin", "12");
  const Error error = open_error(folder.write("model.onnx", model_bytes("external_good")));
  EXPECT_THAT(error.message, AllOf(HasSubstr("ONNX Runtime refuses the model"),
                                   Not(HasSubstr(folder.path().string()))));
}

TEST(OnnxEngine, RefusesGraphsWithoutTensors) {
  const Error error = open_error(model_path("sequence_output"));
  EXPECT_EQ(error.code, ErrorCode::Unsupported);
  EXPECT_THAT(error.message, HasSubstr("output 'Y' of the model is a sequence"));
}

TEST(OnnxEngine, RefusesWeightsThatAreTooShort) {
  EXPECT_THAT(open_error(model_path("short_weight")).message,
              HasSubstr("ONNX Runtime refuses the model"));
}

TEST(OnnxEngine, RefusesOperatorsOfOtherLibraries) {
  EXPECT_THAT(open_error(model_path("custom_operator")).message,
              AllOf(HasSubstr("ONNX Runtime refuses the model"), HasSubstr("custom")));
}

TEST(OnnxEngine, RefusesEveryTruncation) {
  TemporaryFolder folder;
  const std::string whole = model_bytes("simple");
  for (size_t size = 0; size < whole.size(); ++size) {
    const Error error = open_error(folder.write("model.onnx", whole.substr(0, size)));
    ASSERT_NE(error.message, "the model opened") << size;
    ASSERT_THAT(error.message, Not(HasSubstr(folder.path().string()))) << size;
  }
}

TEST(OnnxEngine, SurvivesDamage) {
  TemporaryFolder folder;
  const std::string whole = model_bytes("simple");
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x15);
    static_cast<void>(open_error(folder.write("model.onnx", damaged)));
  }
}

TEST(OnnxEngine, RefusesAnUnknownExecutionModeInTritonsWords) {
  const Error error = open_error(model_path("simple"), {.execution_mode = 2});
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_EQ(error.message,
            "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 "
            "but got 2 .");
}

TEST(OnnxEngine, RunsUnderEveryOption) {
  for (const int level : {-1, 0, 1, 2}) {
    const OnnxOptions options = {.inter_op_threads = 2,
                                 .execution_mode = level == 1 ? 1 : 0,
                                 .graph_optimization_level = level,
                                 .enable_mem_arena = level > 0,
                                 .enable_mem_pattern = level < 0,
                                 .arena_shrinkage = level > 0 ? "cpu:0" : "",
                                 .use_device_allocator_for_initializers = level == 2};
    auto engine = onnx_fixture::open("simple", options);
    EXPECT_TRUE(run(*engine, simple_inputs())) << level;
  }
}

}  // namespace
}  // namespace neso
