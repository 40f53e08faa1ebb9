// SPDX-License-Identifier: Apache-2.0
// Requests through a Model over the scripted engine: outputs, isolation, counting, embedding
// options.
#include "model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "request/test_shared_memory.h"
#include "request/test_tensors.h"
#include "scheduling/test_engine.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

NamedTensor ids(std::string name, Shape shape, std::vector<int64_t> values) {
  return {std::move(name), Tensor::from<int64_t>(DType::Int64, std::move(shape), values)};
}

std::vector<float> floats(const NamedTensor& output) {
  const auto values = output.tensor.as<float>();
  return {values.begin(), values.end()};
}

template <typename Response>
std::pair<Completion<Response>, std::future<Result<Response>>> waited() {
  auto promise = std::make_shared<std::promise<Result<Response>>>();
  auto future = promise->get_future();
  return {Completion<Response>(
              [promise](Result<Response> result) { promise->set_value(std::move(result)); }),
          std::move(future)};
}

class ModelTest : public ::testing::Test {
 protected:
  ModelTest() {
    config_.name = "m";
    config_.max_batch_size = 8;
    config_.inputs = {declared("input_ids", DType::Int64, {-1}),
                      declared("attention_mask", DType::Int64, {-1}),
                      declared("token_type_ids", DType::Int64, {-1})};
    config_.outputs = {declared("embeddings", DType::Fp32, {4}),
                       declared("states", DType::Fp32, {-1, 4})};
  }

  void make_encoder(bool normalize = false, SchedulerOptions options = {}) {
    auto engine = std::make_unique<TestEngine>(script_);
    EncoderModel encoder;
    encoder.signature = make_encoder_signature(config_, engine->info(), {.width = 4, .hidden = 4},
                                               {.architecture = true})
                            .value();
    encoder.limits = {.vocabulary = 100, .type_vocabulary = 2, .max_positions = 8};
    encoder.pooled_width = 4;
    encoder.width = 4;
    encoder.hidden = 4;
    encoder.finish.normalize = normalize;
    start(std::move(engine), std::move(encoder), options);
  }

  void make_tensors() {
    config_.inputs = {declared("x", DType::Fp32, {4})};
    config_.inputs[0].reshape = Shape{2, 2};
    config_.outputs = {declared("y", DType::Fp32, {4})};
    config_.outputs[0].reshape = Shape{2, 2};
    start(std::make_unique<TestEngine>(script_), make_tensor_model(config_), {});
  }

  void start(std::unique_ptr<Engine> engine,
             std::variant<TensorModel, EncoderModel, EnsembleModel> kind,
             const SchedulerOptions& options) {
    ModelParts parts;
    parts.name = "m";
    parts.version = 3;
    parts.config = config_;
    parts.engine = engine->info();
    parts.kind = std::move(kind);
    parts.recorder =
        std::make_shared<StatisticsRecorder>("m", 3, ModelMetricOptions{}, metrics_, clock_);
    if (responses_)
      parts.responses =
          std::make_unique<const ModelResponses>(responses_, MetricLabels{}, metrics_, clock_);
    std::vector<std::unique_ptr<Engine>> engines;
    engines.push_back(std::move(engine));
    parts.scheduler = Scheduler::start(std::move(engines), options, parts.recorder).value();
    model_ = std::make_unique<Model>(std::move(parts));
  }

  Result<InferResponse> infer(std::vector<NamedTensor> inputs,
                              std::vector<std::string> outputs = {}) {
    InferRequest request;
    request.id = "7";
    request.inputs = std::move(inputs);
    request.outputs = std::move(outputs);
    auto [done, answer] = waited<InferResponse>();
    model_->infer(std::move(request), std::move(done));
    return answer.get();
  }

  ManualClock clock_;
  MetricRegistry metrics_;
  std::shared_ptr<ResponseCache> responses_;
  ModelConfig config_;
  std::shared_ptr<TestEngineScript> script_ = std::make_shared<TestEngineScript>();
  std::unique_ptr<Model> model_;
};

TEST_F(ModelTest, AnswersVectorsOfUnpaddedRows) {
  make_encoder();
  const auto response = infer({ids("input_ids", {2, 3}, {5, 6, 0, 7, 0, 0})}, {"embeddings"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->id, "7");
  EXPECT_EQ(response->version, 3);
  ASSERT_EQ(response->outputs.size(), 1U);
  EXPECT_THAT(response->outputs[0].tensor.shape(), ElementsAre(2, 4));
  EXPECT_THAT(floats(response->outputs[0]), ElementsAre(11, 2, 1, 0, 7, 1, 0, 0));
  EXPECT_EQ(model_->statistics().success.count, 1U);
  EXPECT_EQ(model_->statistics().inference_count, 2U);
}

TEST_F(ModelTest, AnswersTokenStatesPaddedWithZeros) {
  make_encoder();
  const auto response = infer({ids("input_ids", {2, 3}, {5, 6, 9, 7, 8, 9}),
                               ids("attention_mask", {2, 3}, {1, 1, 1, 0, 1, 0})},
                              {"states"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_THAT(response->outputs[0].tensor.shape(), ElementsAre(2, 3, 4));
  EXPECT_THAT(floats(response->outputs[0]),
              ElementsAre(5, 0, 0, 1, 6, 1, 0, 1, 9, 2, 0, 1, 0, 0, 0, 0, 8, 1, 0, 1, 0, 0, 0, 0));
}

TEST_F(ModelTest, AnswersAllDeclaredOutputsInTheirOrder) {
  make_encoder();
  const auto response = infer({ids("input_ids", {1, 1}, {5})});
  ASSERT_TRUE(response);
  ASSERT_EQ(response->outputs.size(), 2U);
  EXPECT_EQ(response->outputs[0].name, "embeddings");
  EXPECT_EQ(response->outputs[1].name, "states");
}

TEST_F(ModelTest, Normalizes) {
  make_encoder(true);
  const auto response = infer({ids("input_ids", {1, 1}, {3})}, {"embeddings"});
  const auto vector = floats(response->outputs[0]);
  EXPECT_FLOAT_EQ(vector[0] * vector[0] + vector[1] * vector[1], 1.0F);
}

TEST_F(ModelTest, NamesTheRowThatIsNotFinite) {
  make_encoder();
  const auto response =
      infer({ids("input_ids", {2, 1}, {5, TestEngineScript::kNan})}, {"embeddings"});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::Internal);
  EXPECT_THAT(response.error().message, HasSubstr("row 1: "));
  EXPECT_EQ(model_->statistics().fail.count, 1U);
  EXPECT_THAT(metrics_.text(), HasSubstr("reason=\"BACKEND\",version=\"3\"} 1"));
}

TEST_F(ModelTest, RefusesBeforeQueueingAndCountsNothing) {
  make_encoder();
  EXPECT_THAT(infer({ids("input_ids", {1, 2}, {5, 200})}).error().message,
              HasSubstr("row 0 of input 'input_ids' has id 200 at position 1"));
  EXPECT_THAT(infer({}).error().message,
              HasSubstr("[request id: 7] expected number of inputs between 1 and 3 but got 0"));
  EXPECT_EQ(model_->statistics().fail.count, 0U);
  EXPECT_EQ(model_->statistics().success.count, 0U);
}

TEST_F(ModelTest, NamesTheIdsThatAMaskLacks) {
  make_encoder();
  EXPECT_EQ(infer({ids("attention_mask", {1, 2}, {1, 1})}).error().message,
            "[request id: 7] input 'attention_mask' belongs to an input 'input_ids', which is "
            "missing");
}

TEST_F(ModelTest, CountsWhatTheEngineRefusesAsAFailureOfTheBackend) {
  make_encoder();
  const auto response =
      infer({ids("input_ids", {1, 1}, {TestEngineScript::kFail})}, {"embeddings"});
  ASSERT_FALSE(response);
  EXPECT_EQ(model_->statistics().fail.count, 1U);
  EXPECT_EQ(model_->statistics().success.count, 0U);
  EXPECT_THAT(metrics_.text(), HasSubstr("reason=\"BACKEND\",version=\"3\"} 1"));
}

TEST_F(ModelTest, PrefixesTheQueuesRefusalWithTheRequest) {
  make_encoder(false, {.queue = {.max_queued_cost = 2}});
  EXPECT_EQ(infer({ids("input_ids", {1, 3}, {1, 2, 3})}, {"embeddings"}).error().code,
            ErrorCode::TooLarge);
  model_->stop();
  EXPECT_THAT(infer({ids("input_ids", {1, 1}, {1})}, {"embeddings"}).error().message,
              HasSubstr("[request id: 7] Server is stopping"));
}

TEST_F(ModelTest, ReshapesTensorsThereAndBack) {
  make_tensors();
  const auto response =
      infer({{"x", Tensor::from<float>(DType::Fp32, {2, 4},
                                       std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8})}});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_THAT(response->outputs[0].tensor.shape(), ElementsAre(2, 4));
  EXPECT_THAT(floats(response->outputs[0]), ElementsAre(2, 4, 6, 8, 10, 12, 14, 16));
  EXPECT_EQ(model_->statistics().batches.at(0).batch_size, 2U);
}

TEST_F(ModelTest, DescribesItself) {
  make_encoder();
  const ModelMetadata metadata = model_->metadata();
  EXPECT_EQ(metadata.name, "m");
  EXPECT_THAT(metadata.inputs[0].shape, ElementsAre(-1, -1));
  EXPECT_THAT(metadata.outputs[0].shape, ElementsAre(-1, 4));
}

TEST_F(ModelTest, TakesNoTextsWithoutATokenizer) {
  make_encoder();
  auto [done, answer] = waited<EmbedResponse>();
  model_->embed({.texts = {"hello"}}, std::move(done));
  const auto response = answer.get();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::Unsupported);
}

class SharedModelTest : public ModelTest {
 protected:
  // What goes into y when x, four floats, comes from the region's begin; or why it does not.
  std::string infer_into(uint64_t offset, uint64_t size) {
    InferRequest request;
    request.inputs = {{"x", Tensor(DType::Fp32, {1, 4}, {}, nullptr)}};
    request.shared_inputs = {{0, memory_slice(0, 16)}};
    request.shared_outputs = {{"y", memory_slice(offset, size)}};
    auto [done, answer] = waited<InferResponse>();
    model_->infer(std::move(request), std::move(done));
    const auto response = answer.get();
    if (!response) return response.error().message;
    EXPECT_EQ(response->outputs[0].tensor.shape(), (Shape{1, 4}));
    EXPECT_TRUE(response->outputs[0].tensor.bytes().empty());
    return "written";
  }
  SharedSlice memory_slice(uint64_t offset, uint64_t size) const {
    return registry_.slice("r", offset, size).value();
  }

  ClientMemory memory_{64};
  SharedMemoryRegistry registry_{true};
};

TEST_F(SharedModelTest, TensorsComeFromAndGoToAClientsMemory) {
  make_tensors();
  ASSERT_TRUE(registry_.register_region({"r", memory_.key(), 0, 64}));
  memory_.write<float>(0, {1, 2, 3, 4});
  EXPECT_EQ(infer_into(21, 16), "written");  // anywhere, aligned or not
  InferRequest plain;
  plain.inputs = {{"x", Tensor::from<float>(DType::Fp32, {1, 4}, std::vector<float>{1, 2, 3, 4})}};
  auto [done, answer] = waited<InferResponse>();
  model_->infer(std::move(plain), std::move(done));
  const auto expected = answer.get();
  ASSERT_TRUE(expected);
  EXPECT_EQ(memory_.read<float>(21, 4), floats(expected->outputs[0]));
}

TEST_F(SharedModelTest, AnOutputThatDoesNotFitOrHasNoMemoryLeftFailsItsRequest) {
  make_tensors();
  ASSERT_TRUE(registry_.register_region({"r", memory_.key(), 0, 64}));
  EXPECT_EQ(infer_into(48, 15),
            "shared memory size specified with the request for output 'y' (15 bytes) should be at "
            "least 16 bytes to hold the results");
  memory_.resize(32);
  EXPECT_THAT(infer_into(48, 16), HasSubstr("has only 32 bytes now"));
  EXPECT_EQ(model_->statistics().fail.count, 2U);
  EXPECT_EQ(model_->statistics().success.count, 0U);
  memory_.resize(8);
  EXPECT_THAT(infer_into(48, 16), HasSubstr("has only 8 bytes now"));
  EXPECT_EQ(model_->statistics().fail.count, 2U) << "its input could not be read: never queued";
}

// Triton's counting: a hit is a success that was queued, and nothing else.
TEST_F(ModelTest, AnAnswerOutOfTheCacheIsComputedOnce) {
  responses_ = std::make_shared<ResponseCache>(1 << 20, nullptr, metrics_);
  make_tensors();
  const NamedTensor x = {"x",
                         Tensor::from<float>(DType::Fp32, {1, 4}, std::vector<float>{1, 2, 3, 4})};
  for (int i = 0; i < 3; ++i) {
    const auto answer = infer({x});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->id, "7");
    EXPECT_THAT(floats(answer->outputs.at(0)), ElementsAre(2, 4, 6, 8));
    EXPECT_EQ(answer->outputs.at(0).tensor.shape(), (Shape{1, 4}));
  }
  const ModelStatistics counted = model_->statistics();
  EXPECT_EQ(counted.success.count, 3U);
  EXPECT_EQ(counted.queue.count, 3U);
  EXPECT_EQ(counted.cache_hit.count, 2U);
  EXPECT_EQ(counted.cache_miss.count, 1U);
  EXPECT_EQ(counted.inference_count, 1U);
  EXPECT_EQ(counted.execution_count, 1U);
  EXPECT_EQ(counted.compute_infer.count, 1U);
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_cache_num_hits_per_model 2\n"));
}

TEST_F(ModelTest, VectorsThatAreKeptAreNotComputedAgain) {
  const auto cache = std::make_shared<ResultCache>(1 << 20, nullptr);
  const auto hits = metrics_.series("hits", MetricKind::Counter, "", {});
  const auto misses = metrics_.series("misses", MetricKind::Counter, "", {});
  SchedulerOptions options;
  options.results = std::make_shared<const ModelResults>(cache, "a", hits, misses);
  make_encoder(false, options);
  const auto two = [&] { return infer({ids("input_ids", {2, 2}, {1, 2, 3, 4})}, {"embeddings"}); };
  const auto computed = two();
  ASSERT_TRUE(computed) << computed.error().message;
  const auto kept = two();
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(floats(computed->outputs.at(0)), floats(kept->outputs.at(0)));
  EXPECT_EQ(hits->value(), 2);
  EXPECT_EQ(misses->value(), 2);
  ASSERT_TRUE(infer({ids("input_ids", {2, 2}, {1, 2, 5, 6})}, {"embeddings"}));
  EXPECT_EQ(hits->value(), 3);
  const ModelStatistics counted = model_->statistics();
  EXPECT_EQ(counted.success.count, 3U);
  EXPECT_EQ(counted.execution_count, 2U);
  EXPECT_THAT(metrics_.text(),
              HasSubstr("nv_inference_pending_request_count{model=\"m\",version=\"3\"} 0\n"));
}

}  // namespace
}  // namespace neso
