// SPDX-License-Identifier: Apache-2.0
// Warm-up samples: the bytes that are made of config and files, and their runs, counts and failures
// on the scripted engine. The sentences are Triton's.
#include "model/loading/warmup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/temporary_folder.h"
#include "request/test_tensors.h"
#include "scheduling/test_engine.h"

namespace neso {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Source = WarmupInput::Source;

WarmupInput input(DType dtype, Shape dims, Source source, std::string file = "") {
  return {.dtype = dtype, .dims = std::move(dims), .source = source, .file = std::move(file)};
}

class WarmupTest : public ::testing::Test {
 protected:
  WarmupTest() {
    config_.name = "m";
    config_.max_batch_size = 4;
    config_.inputs = {declared("x", DType::Fp32, {2})};
    config_.outputs = {declared("y", DType::Fp32, {2})};
  }

  WarmupSample& sample(const std::string& name, WarmupInput of_x, uint32_t batch_size = 1) {
    WarmupSample& added = config_.warmup_samples.emplace_back();
    added.name = name;
    added.batch_size = batch_size;
    added.inputs.emplace("x", std::move(of_x));
    return added;
  }
  void file(const std::string& name, std::string_view content) {
    folder_.write("warmup/" + name, content);
  }

  Result<std::vector<Warmup>> read(const EncoderModel* encoder = nullptr) const {
    return read_warmups(config_, encoder, folder_.path());
  }
  std::string refusal() const {
    const auto read_well = read();
    return read_well ? "read" : read_well.error().message;
  }
  // The only input of the only sample.
  Tensor made(const EncoderModel* encoder = nullptr) const {
    auto warmups = read(encoder);
    EXPECT_TRUE(warmups) << warmups.error().message;
    EXPECT_EQ(warmups->size(), 1U);
    EXPECT_EQ(warmups->front().inputs.size(), 1U);
    return std::move(warmups->front().inputs.front().tensor);
  }
  template <typename T>
  std::vector<T> values(const EncoderModel* encoder = nullptr) const {
    const Tensor tensor = made(encoder);
    const auto span = tensor.as<T>();
    return {span.begin(), span.end()};
  }

  Result<> run() {
    const TensorModel model = make_tensor_model(config_);
    const WarmupRun run{
        .config = config_,
        .plan = [&model](InferRequest& request) { return plan_tensors(model, request); },
        .pooling = pooling_,
        .recorder = recorder_};
    TestEngine engine(script_);
    NESO_TRY(const auto warmups, read());
    return run_warmups(warmups, run, engine);
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  ModelConfig config_;
  PoolingSpec pooling_;
  std::shared_ptr<TestEngineScript> script_ = std::make_shared<TestEngineScript>();
  std::shared_ptr<StatisticsRecorder> recorder_ =
      std::make_shared<StatisticsRecorder>("m", 1, ModelMetricOptions{}, metrics_, clock_);
};

TEST_F(WarmupTest, ASampleBecomesTheRequestsOfItsConfig) {
  sample("first", input(DType::Fp32, {2}, Source::Zeros), 3).count = 2;
  sample("skipped", input(DType::Fp32, {2}, Source::Zeros), 0);
  const auto warmups = read();
  ASSERT_TRUE(warmups) << warmups.error().message;
  ASSERT_EQ(warmups->size(), 1U);
  const Warmup& warmup = warmups->front();
  EXPECT_EQ(warmup.name, "first");
  EXPECT_EQ(warmup.requests, 3U);
  EXPECT_EQ(warmup.count, 2U);
  EXPECT_EQ(warmup.inputs.front().name, "x");
  EXPECT_EQ(warmup.inputs.front().tensor.shape(), (Shape{1, 2}));
  EXPECT_TRUE(warmup.filled_in.empty());
}

TEST_F(WarmupTest, WithoutBatchesTheDimsAreTheShape) {
  config_.max_batch_size = 0;
  sample("s", input(DType::Fp32, {2, 3}, Source::Zeros));
  EXPECT_EQ(made().shape(), (Shape{2, 3}));
}

TEST_F(WarmupTest, ZerosAreZeros) {
  sample("s", input(DType::Fp32, {5}, Source::Zeros));
  EXPECT_THAT(values<float>(), ElementsAre(0, 0, 0, 0, 0));
}

TEST_F(WarmupTest, ZerosOfTextsAreEmptyTexts) {
  sample("s", input(DType::Bytes, {3}, Source::Zeros));
  const Tensor tensor = made();
  EXPECT_EQ(tensor.bytes().size(), 3 * sizeof(uint32_t));
  EXPECT_THAT(tensor.bytes(), Each(std::byte{0}));
}

TEST_F(WarmupTest, RandomTextsAreEmptyAsWell) {
  sample("s", input(DType::Bytes, {3}, Source::Random));
  EXPECT_THAT(made().bytes(), Each(std::byte{0}));
}

TEST_F(WarmupTest, RandomFloatsAreFiniteDifferAndAreTheSameAtEveryLoad) {
  sample("s", input(DType::Fp32, {1000}, Source::Random));
  const std::vector<float> first = values<float>();
  for (const float value : first) EXPECT_LT(std::abs(value), 2.0F);
  EXPECT_GT(std::set<float>(first.begin(), first.end()).size(), 900U);
  EXPECT_EQ(values<float>(), first);
}

TEST_F(WarmupTest, RandomDoublesAreFinite) {
  sample("s", input(DType::Fp64, {1000}, Source::Random));
  for (const double value : values<double>()) EXPECT_LT(std::abs(value), 2.0);
}

TEST_F(WarmupTest, RandomHalvesAreFinite) {
  for (const DType dtype : {DType::Fp16, DType::Bf16}) {
    config_.warmup_samples.clear();
    sample("s", input(dtype, {1000}, Source::Random));
    // The exponent's highest bit is not set, so not all of its bits are.
    const Tensor tensor = made();
    for (size_t i = 1; i < tensor.bytes().size(); i += 2)
      EXPECT_EQ(tensor.bytes()[i] & std::byte{0x40}, std::byte{0});
  }
}

TEST_F(WarmupTest, RandomTruthValuesAreTrueOrFalse) {
  sample("s", input(DType::Bool, {200}, Source::Random));
  size_t truths = 0;
  const Tensor tensor = made();
  for (const std::byte value : tensor.bytes()) {
    EXPECT_LE(value, std::byte{1});
    truths += value == std::byte{1} ? 1 : 0;
  }
  EXPECT_GT(truths, 50U);
  EXPECT_LT(truths, 150U);
}

TEST_F(WarmupTest, AFileIsReadAsItIs) {
  const float numbers[] = {1.5F, -2.0F};
  const std::string content(reinterpret_cast<const char*>(numbers), sizeof numbers);
  file("x", content + "what is behind is not read");
  sample("s", input(DType::Fp32, {2}, Source::File, "x"));
  EXPECT_THAT(values<float>(), ElementsAre(1.5F, -2.0F));
}

TEST_F(WarmupTest, AFileOfTextsIsReadWhole) {
  using namespace std::string_literals;
  file("x", "\3\0\0\0abc"s);
  sample("s", input(DType::Bytes, {1}, Source::File, "x"));
  EXPECT_EQ(made().bytes().size(), 7U);
}

TEST_F(WarmupTest, WhatCannotBeMadeIsRefused) {
  file("short", "12345");
  const std::string anonymous = "[request id: <id_unknown>] ";
  const std::pair<WarmupInput, std::string> refused[] = {
      {input(DType::Fp32, {2}, Source::File, "short"),
       anonymous +
           "warmup setting expects 8 bytes, but the data provided from short only has 5 bytes"},
      {input(DType::Fp32, {2}, Source::None),
       anonymous + "warmup setting expects input 'x' to have input_data_type set"},
      {input(DType::Fp32, {-1}, Source::Zeros),
       "warmup setting expects all variable-size dimensions are specified for input 'x'"},
      {input(DType::Fp32, {1 << 20, 1 << 20}, Source::Zeros),
       "warmup input 'x' of dims [1048576,1048576] is larger than 1073741824 bytes"},
  };
  for (const auto& [of_x, sentence] : refused) {
    config_.warmup_samples.clear();
    sample("s", of_x);
    EXPECT_EQ(refusal(), sentence);
  }
  config_.warmup_samples.clear();
  sample("s", input(DType::Fp32, {2}, Source::File, "none"));
  EXPECT_THAT(refusal(), HasSubstr("warmup/none"));
}

TEST_F(WarmupTest, ALargerBatchThanTheModelTakesIsRefused) {
  sample("s", input(DType::Fp32, {2}, Source::Zeros), 5);
  EXPECT_EQ(refusal(), "failed to run warmup sample 's': batch size 5 for 'm', max allowed is 4");
  config_.max_batch_size = 0;
  EXPECT_EQ(refusal(), "failed to run warmup sample 's': batch size 5 for 'm', max allowed is 0");
  config_.warmup_samples.front().batch_size = 1;
  EXPECT_EQ(refusal(), "read");
}

// What an encoder is given in place of zeros and noise.
class EncoderWarmupTest : public WarmupTest {
 protected:
  EncoderWarmupTest() {
    encoder_.limits.vocabulary = 100;
    encoder_.pad_token_id = 0;
  }
  std::vector<int64_t> of(const std::string& name, Source source, DType dtype = DType::Int64) {
    config_.warmup_samples.clear();
    WarmupSample& added = config_.warmup_samples.emplace_back();
    added.batch_size = 1;
    added.inputs.emplace(name, input(dtype, {300}, source));
    if (dtype == DType::Int64) return values<int64_t>(&encoder_);
    const auto narrow = values<int32_t>(&encoder_);
    return {narrow.begin(), narrow.end()};
  }

  EncoderModel encoder_;
};

TEST_F(EncoderWarmupTest, IdsAreOfTheVocabularyAndNotThePads) {
  for (const DType dtype : {DType::Int64, DType::Int32}) {
    EXPECT_THAT(of(kInputIds, Source::Zeros, dtype), Each(1));
    const auto random = of(kInputIds, Source::Random, dtype);
    for (const int64_t id : random) {
      EXPECT_GT(id, 0);
      EXPECT_LT(id, 100);
    }
    EXPECT_GT(std::set<int64_t>(random.begin(), random.end()).size(), 50U);
  }
  encoder_.pad_token_id = 1;
  EXPECT_THAT(of(kInputIds, Source::Zeros), Each(0));
}

TEST_F(EncoderWarmupTest, ThePadIsAvoidedInTheSmallestVocabulary) {
  encoder_.limits.vocabulary = 2;
  for (const int32_t pad : {0, 1}) {
    encoder_.pad_token_id = pad;
    EXPECT_THAT(of(kInputIds, Source::Random), Each(1 - pad));
  }
}

TEST_F(EncoderWarmupTest, NothingIsMaskedAndTheRestIsZero) {
  for (const Source source : {Source::Zeros, Source::Random}) {
    for (const DType dtype : {DType::Int64, DType::Int32}) {
      EXPECT_THAT(of(kAttentionMask, source, dtype), Each(1));
      EXPECT_THAT(of(kTokenTypeIds, source, dtype), Each(0));
      EXPECT_THAT(of(kPositionIds, source, dtype), Each(0));
    }
  }
}

TEST_F(EncoderWarmupTest, OtherInputsAreAsTheyAreSaid) {
  EXPECT_THAT(of("other", Source::Zeros), Each(0));
  const auto noise = of("other", Source::Random);
  EXPECT_TRUE(std::ranges::any_of(noise, [](int64_t value) { return value > 100; }));
}

TEST_F(WarmupTest, RequestsOfOneSampleRunTogetherAndAreCounted) {
  sample("s", input(DType::Fp32, {2}, Source::Zeros), 3).count = 2;
  sample("t", input(DType::Fp32, {2}, Source::Random));
  const auto ran = run();
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_THAT(script_->batches, ElementsAre(3, 3, 1));
  const ModelStatistics statistics = recorder_->snapshot();
  EXPECT_EQ(statistics.success.count, 7U);
  EXPECT_EQ(statistics.fail.count, 0U);
  EXPECT_EQ(statistics.inference_count, 7U);
  EXPECT_EQ(statistics.execution_count, 3U);
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_inference_pending_request_count"
                                         "{model=\"m\",version=\"1\"} 0\n"));
}

TEST_F(WarmupTest, WhatCannotShareARunRunsAlone) {
  config_.max_batch_size = 0;
  sample("s", input(DType::Fp32, {2}, Source::Zeros)).count = 2;
  ASSERT_TRUE(run());
  EXPECT_THAT(script_->batches, ElementsAre(2, 2)) << "the graph's first dimension is no batch";
}

TEST_F(WarmupTest, TheFirstSampleThatFailsIsTheLast) {
  const float told_to_fail[] = {TestEngineScript::kFail, 0};
  file("x", {reinterpret_cast<const char*>(told_to_fail), sizeof told_to_fail});
  sample("good", input(DType::Fp32, {2}, Source::Zeros));
  sample("bad", input(DType::Fp32, {2}, Source::File, "x"), 2);
  sample("never", input(DType::Fp32, {2}, Source::Zeros));
  EXPECT_EQ(run().error().message,
            "failed to run warmup sample 'bad': told to fail; told to fail; ");
  EXPECT_THAT(script_->batches, ElementsAre(1, 2));
  EXPECT_EQ(recorder_->snapshot().success.count, 1U);
  EXPECT_EQ(recorder_->snapshot().fail.count, 2U);
}

TEST_F(WarmupTest, ASampleIsCheckedLikeARequest) {
  sample("s", input(DType::Int32, {2}, Source::Zeros));
  EXPECT_THAT(run().error().message, HasSubstr("inference input 'x' data-type is 'INT32'"));
  EXPECT_TRUE(script_->batches.empty());
}

// Hands its inputs to the test.
class RecordingEngine final : public Engine {
 public:
  const EngineInfo& info() const override { return info_; }
  Result<> encode(const TokenBatch&, const PoolingSpec&, std::span<float>) override { return {}; }
  Result<> encode_tokens(const TokenBatch&, std::span<float>) override { return {}; }
  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                       std::span<const std::string>) override {
    for (const NamedTensor& given : inputs) seen[given.name] = given.tensor.as<float>()[0];
    return std::vector<NamedTensor>{
        {"y", Tensor::from<float>(DType::Fp32, {1, 2}, std::vector<float>{0, 0})}};
  }

  std::map<std::string, float> seen;

 private:
  EngineInfo info_;
};

// The server fills controls in; a sample may say otherwise.
TEST_F(WarmupTest, ControlsOfASampleComeBeforeTheServers) {
  config_.sequence_batching.emplace();
  EngineInfo graph;
  for (const char* name : {"START", "END"}) {
    config_.sequence_batching->controls.push_back({.kind = name == std::string("START")
                                                               ? SequenceControlKind::Start
                                                               : SequenceControlKind::End,
                                                   .input = name,
                                                   .dtype = DType::Fp32});
    graph.inputs.push_back({name, DType::Fp32, {-1, 1}});
  }
  auto sequence = SequenceTensors::make(config_, graph, folder_.path());
  ASSERT_TRUE(sequence) << sequence.error().message;
  const float seven = 7;
  file("seven", {reinterpret_cast<const char*>(&seven), sizeof seven});
  sample("s", input(DType::Fp32, {2}, Source::Zeros))
      .inputs.emplace("END", input(DType::Fp32, {1}, Source::File, "seven"));

  const TensorModel model = make_tensor_model(config_);
  const WarmupRun run{
      .config = config_,
      .plan = [&model](InferRequest& request) { return plan_tensors(model, request); },
      .pooling = pooling_,
      .sequence_tensors = &*sequence,
      .recorder = recorder_};
  RecordingEngine engine;
  const auto warmups = read();
  ASSERT_TRUE(warmups) << warmups.error().message;
  EXPECT_EQ(warmups->front().filled_in.size(), 1U);
  const auto ran = run_warmups(*warmups, run, engine);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(engine.seen["START"], 1) << "a sample starts a sequence";
  EXPECT_EQ(engine.seen["END"], 7);
}

}  // namespace
}  // namespace neso
