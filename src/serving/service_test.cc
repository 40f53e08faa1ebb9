// SPDX-License-Identifier: Apache-2.0
// Repositories on disk through the one door: real folders, the real MiniLM on our engine, small
// ONNX graphs on ONNX Runtime.
#include "serving/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <future>

#include "checkpoint/test_folder.h"
#include "model/model.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kGuideConfig = R"(
name: "guide"
backend: "onnxruntime"
max_batch_size: 128
input [
  { name: "input_ids" data_type: TYPE_INT64 dims: [-1] },
  { name: "attention_mask" data_type: TYPE_INT64 dims: [-1] }
]
output [ { name: "embeddings" data_type: TYPE_FP32 dims: [WIDTH] } ]
instance_group [ { count: 2 kind: KIND_GPU gpus: [0] } ]
dynamic_batching { preferred_batch_size: [32, 64, 128] max_queue_delay_microseconds: 5000 }
)";

std::string guide_config(const std::string& name, const std::string& width) {
  std::string config = kGuideConfig;
  config.replace(config.find("guide"), 5, name);
  config.replace(config.find("WIDTH"), 5, width);
  return config;
}

NamedTensor ids(std::string name, Shape shape, std::vector<int64_t> values) {
  return {std::move(name), Tensor::from<int64_t>(DType::Int64, std::move(shape), values)};
}

std::vector<float> floats(const NamedTensor& output) {
  const auto values = output.tensor.as<float>();
  return {values.begin(), values.end()};
}

class ServiceTest : public ::testing::Test {
 protected:
  void add_onnx(const std::string& path, const std::string& graph) {
    fs::create_directories((folder_.path() / path).parent_path());
    fs::copy_file(fs::path(NESO_TEST_ONNX) / graph, folder_.path() / path);
  }
  void link_minilm(const std::string& path) {
    fs::create_directories((folder_.path() / path).parent_path());
    fs::create_directory_symlink(NESO_TEST_MODEL, folder_.path() / path);
  }
  void open(bool auto_complete = true) {
    RepositoryOptions options;
    options.folders = {folder_.path(), folder_.path()};
    options.auto_complete_config = auto_complete;
    options.engine.onnx_runtime_library = NESO_TEST_ONNX_RUNTIME;
    auto repository = Repository::open(options, metrics_, clock_);
    ASSERT_TRUE(repository) << repository.error().message;
    repository_ = std::move(repository).value();
    auto service = Service::create(*repository_, {.workers = 1});
    ASSERT_TRUE(service) << service.error().message;
    service_ = std::move(service).value();
  }
  std::string only_status() {
    const auto rows = repository_->status_rows();
    return rows.size() == 1 ? rows[0].status : "not one row";
  }

  Result<InferResponse> infer(std::string model, std::vector<NamedTensor> inputs,
                              std::vector<std::string> outputs = {},
                              std::optional<int64_t> version = {}) {
    std::promise<Result<InferResponse>> promise;
    InferRequest request;
    request.model = std::move(model);
    request.version = version;
    request.inputs = std::move(inputs);
    request.outputs = std::move(outputs);
    service_->infer(std::move(request), Completion<InferResponse>([&](Result<InferResponse> r) {
                      promise.set_value(std::move(r));
                    }));
    return promise.get_future().get();
  }
  Result<EmbedResponse> embed(EmbedRequest request) {
    std::promise<Result<EmbedResponse>> promise;
    service_->embed(std::move(request), Completion<EmbedResponse>([&](Result<EmbedResponse> r) {
                      promise.set_value(std::move(r));
                    }));
    return promise.get_future().get();
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  std::unique_ptr<Repository> repository_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, ServesTheGuidesRepositoryWithSafetensorsOnOurEngine) {
  folder_.write("nomic-embed/config.pbtxt", guide_config("nomic-embed", "384"));
  link_minilm("nomic-embed/1");
  open();
  ASSERT_EQ(only_status(), "READY");
  EXPECT_TRUE(service_->ready());
  EXPECT_EQ(repository_->models()[0]->engine().name, "cpu");

  // The guide's own request: ids with trailing padding and no mask.
  const auto padded = infer(
      "nomic-embed", {ids("input_ids", {1, 10}, {101, 2023, 2003, 1037, 3231, 102, 0, 0, 0, 0})});
  ASSERT_TRUE(padded) << padded.error().message;
  EXPECT_THAT(padded->outputs[0].tensor.shape(), ElementsAre(1, 384));
  const auto vector = floats(padded->outputs[0]);
  double norm = 0;
  for (const float value : vector) norm += static_cast<double>(value) * value;
  EXPECT_NEAR(norm, 1.0, 1e-5) << "the folder's modules.json normalises";

  const auto masked =
      infer("nomic-embed", {ids("input_ids", {1, 6}, {101, 2023, 2003, 1037, 3231, 102}),
                            ids("attention_mask", {1, 6}, {1, 1, 1, 1, 1, 1})});
  EXPECT_THAT(floats(masked->outputs[0]), ElementsAreArray(vector)) << "padding changes no bit";

  const std::vector<std::string> texts = {"This is a test"};
  const auto text = infer("nomic-embed", {{"text", Tensor::from_strings({1, 1}, texts)}});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(floats(text->outputs[0]), ElementsAreArray(vector)) << "the same ids";
}

TEST_F(ServiceTest, ServesAFolderWithoutConfig) {
  link_minilm("minilm/1");
  open();
  ASSERT_EQ(only_status(), "READY");
  const auto metadata = service_->model_metadata("minilm", {});
  EXPECT_EQ(metadata->platform, "neso");
  EXPECT_EQ(metadata->inputs[0].name, "input_ids");
  EXPECT_EQ(metadata->outputs[0].name, "embeddings");
  EXPECT_THAT(metadata->outputs[0].shape, ElementsAre(-1, 384));
}

TEST_F(ServiceTest, EmbedsTextsEachFailingAlone) {
  link_minilm("minilm/1");
  open();
  const std::string long_text = [] {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "word ";
    return text;
  }();
  auto response = embed({.model = "minilm", .texts = {"a cat", "\xff", long_text}});
  ASSERT_TRUE(response) << response.error().message;
  ASSERT_THAT(response->items, SizeIs(3));
  EXPECT_THAT(response->items[0]->values, SizeIs(384));
  EXPECT_EQ(response->items[0]->tokens, 4U);
  EXPECT_FALSE(response->items[0]->truncated);
  EXPECT_FALSE(response->items[1]) << "invalid UTF-8";
  EXPECT_TRUE(response->items[2]->truncated);
  EXPECT_EQ(response->items[2]->tokens, 256U);
  EXPECT_EQ(response->items[2]->original_tokens, 402U);
  EXPECT_THAT(metrics_.text(),
              HasSubstr("neso_truncated_texts_total{model=\"minilm\",version=\"1\"} 1"));

  response = embed({.model = "minilm", .texts = {long_text, "a cat"}, .truncate = false});
  EXPECT_THAT(response->items[0].error().message, HasSubstr("402 tokens, more than the 256"));
  EXPECT_TRUE(response->items[1]);
}

TEST_F(ServiceTest, CutsDimensionsAndNormalizesAgain) {
  link_minilm("minilm/1");
  open();
  const auto response = embed({.model = "minilm", .texts = {"a cat"}, .dimensions = 64});
  ASSERT_THAT(response->items[0]->values, SizeIs(64));
  double norm = 0;
  for (const float value : response->items[0]->values) norm += static_cast<double>(value) * value;
  EXPECT_NEAR(norm, 1.0, 1e-5);
  EXPECT_THAT(
      embed({.model = "minilm", .texts = {"a"}, .dimensions = 500}).error().message,
      HasSubstr("500 dimensions are asked for, but the vectors of model 'minilm' have 384"));
  EXPECT_THAT(embed({.model = "minilm", .texts = {"a"}, .prompt_name = "query"}).error().message,
              HasSubstr("has no prompt 'query'"));
}

TEST_F(ServiceTest, RefusesADeclaredWidthThatIsNotTheModels) {
  folder_.write("m/config.pbtxt", guide_config("m", "768"));
  link_minilm("m/1");
  open();
  EXPECT_THAT(only_status(), HasSubstr("UNAVAILABLE: Invalid argument: "));
  EXPECT_THAT(only_status(), HasSubstr("768"));
  EXPECT_THAT(only_status(), HasSubstr("384"));
  EXPECT_FALSE(service_->ready());
}

TEST_F(ServiceTest, ServesTheGuidesConfigWithABareGraph) {
  folder_.write("m/config.pbtxt", guide_config("m", "8"));
  add_onnx("m/1/model.onnx", "encoder.onnx");
  open();
  ASSERT_EQ(only_status(), "READY");
  EXPECT_EQ(repository_->models()[0]->engine().name, "onnx");
  const auto one = infer("m", {ids("input_ids", {1, 2}, {3, 4})});
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_THAT(one->outputs[0].tensor.shape(), ElementsAre(1, 8));
  const auto two = infer("m", {ids("input_ids", {2, 3}, {3, 4, 9, 5, 6, 7}),
                               ids("attention_mask", {2, 3}, {1, 1, 0, 1, 1, 1})});
  ASSERT_TRUE(two) << two.error().message;
  const auto first = floats(one->outputs[0]);
  const auto both = floats(two->outputs[0]);
  for (size_t i = 0; i < 8; ++i)
    EXPECT_NEAR(first[i], both[i], 1e-5) << "the mean of unmasked tokens";
}

TEST_F(ServiceTest, PoolsTheUnmaskedTokensOfAGraphWhereverTheyStand) {
  folder_.write("m/config.pbtxt", R"(
    max_batch_size: 8
    input [ { name: "input_ids" data_type: TYPE_INT64 dims: [-1] },
            { name: "attention_mask" data_type: TYPE_INT64 dims: [-1] } ]
    output [ { name: "embeddings" data_type: TYPE_FP32 dims: [8] },
             { name: "last_hidden_state" data_type: TYPE_FP32 dims: [-1, 8] } ])");
  add_onnx("m/1/model.onnx", "encoder.onnx");
  open();
  ASSERT_EQ(only_status(), "READY");
  const std::vector<int64_t> mask = {0, 1, 1, 0, 1, 0, 0, 0, 0, 1};
  const auto response = infer("m", {ids("input_ids", {2, 5}, {0, 3, 4, 0, 5, 0, 0, 0, 0, 9}),
                                    ids("attention_mask", {2, 5}, mask)});
  ASSERT_TRUE(response) << response.error().message;
  ASSERT_THAT(response->outputs, SizeIs(2));
  const auto vectors = floats(response->outputs[0]);
  const auto states = floats(response->outputs[1]);  // the graph's own, of the rows as sent
  for (size_t row = 0; row < 2; ++row) {
    for (size_t i = 0; i < 8; ++i) {
      float sum = 0;
      float count = 0;
      for (size_t at = row * 5; at < row * 5 + 5; ++at) {
        if (mask[at] == 0) continue;
        sum += states[at * 8 + i];
        count += 1;
      }
      EXPECT_NEAR(vectors[row * 8 + i], sum / count, 1e-5) << "row " << row << ", value " << i;
    }
  }
}

TEST_F(ServiceTest, NamesTheRowWhoseGapsAGraphCannotMask) {
  folder_.write("m/config.pbtxt", guide_config("m", "8"));
  add_onnx("m/1/model.onnx", "encoder_ids_only.onnx");
  open();
  ASSERT_EQ(only_status(), "READY");
  const auto response = infer("m", {ids("input_ids", {2, 3}, {3, 4, 0, 0, 5, 6}),
                                    ids("attention_mask", {2, 3}, {1, 1, 0, 0, 1, 1})});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(response.error().message, HasSubstr("row 1: "));
  EXPECT_THAT(response.error().message, HasSubstr("masks a token before its last one"));
}

TEST_F(ServiceTest, AnswersAGraphsOwnStatesAndDerivesItsInputs) {
  add_onnx("m/1/model.onnx", "encoder.onnx");
  open();
  ASSERT_EQ(only_status(), "READY");
  const auto all =
      infer("m", {ids("input_ids", {1, 3}, {3, 4, 5}), ids("attention_mask", {1, 3}, {1, 1, 1}),
                  ids("token_type_ids", {1, 3}, {0, 0, 0})});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_THAT(all->outputs[0].tensor.shape(), ElementsAre(1, 3, 8));
  const auto derived = infer("m", {ids("input_ids", {1, 3}, {3, 4, 5})});
  ASSERT_TRUE(derived) << derived.error().message;
  EXPECT_THAT(floats(derived->outputs[0]), ElementsAreArray(floats(all->outputs[0])));
}

TEST_F(ServiceTest, RunsAnyGraphWithTritonsChecks) {
  add_onnx("simple/1/model.onnx", "simple.onnx");
  open();
  ASSERT_EQ(only_status(), "READY");
  std::vector<int32_t> values(16);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
  const Tensor tensor = Tensor::from<int32_t>(DType::Int32, {1, 16}, values);
  const auto sum = infer("simple", {{"INPUT0", tensor}, {"INPUT1", tensor}}, {"OUTPUT0"});
  ASSERT_TRUE(sum) << sum.error().message;
  ASSERT_THAT(sum->outputs, SizeIs(1));
  EXPECT_EQ(sum->outputs[0].tensor.as<int32_t>()[15], 30);
  EXPECT_THAT(infer("simple", {{"INPUT0", tensor}}).error().message,
              HasSubstr("expected 2 inputs but got 1 inputs for model 'simple'"));
  EXPECT_EQ(service_->statistics("simple", {}).value().at(0).inference_count, 1U);
}

TEST_F(ServiceTest, ServesTheGoodModelBesideBrokenOnes) {
  add_onnx("good/1/model.onnx", "identity_int32.onnx");
  folder_.write("broken/1/model.onnx", "this is no graph");
  folder_.write("broken/config.pbtxt", "");
  folder_.write("nothing/config.pbtxt", "backend: \"nothing\"");
  folder_.write("nothing/1/model.py", "");
  folder_.write("typo/config.pbtxt", "inputt: 3");
  folder_.write("typo/1/model.onnx", "");
  folder_.write("unversioned/config.pbtxt", "");
  open();
  const Tensor tensor = Tensor::from<int32_t>(DType::Int32, {1, 1}, std::vector<int32_t>{5});
  EXPECT_TRUE(infer("good", {{"INPUT0", tensor}}));
  EXPECT_FALSE(service_->ready());
  EXPECT_TRUE(service_->live());

  std::map<std::string, std::string> status;
  for (const auto& row : repository_->status_rows())
    status[row.model + ":" + row.version] = row.status;
  EXPECT_EQ(status["good:1"], "READY");
  EXPECT_THAT(status["broken:1"], HasSubstr("UNAVAILABLE: "));
  EXPECT_THAT(
      status["nothing:1"],
      HasSubstr(
          "UNAVAILABLE: Invalid argument: unable to find backend library for backend 'nothing'"));
  EXPECT_THAT(status["typo:-"], HasSubstr("inputt"));
  EXPECT_EQ(status["unversioned:-"], "Not loaded: No model version was found");

  EXPECT_EQ(infer("broken", {}).error().message,
            "Request for unknown model: 'broken' has no available versions");
  const auto named = infer("broken", {}, {}, 1);
  EXPECT_EQ(named.error().code, ErrorCode::NotReady);
  EXPECT_EQ(named.error().message,
            "Request for unknown model: 'broken' version 1 is not at ready state");
  for (const auto& entry : service_->index(false)) EXPECT_NE(entry.name, "unversioned");
  for (const auto& entry : service_->index(true)) EXPECT_NE(entry.name, "broken");
}

TEST_F(ServiceTest, AnswersLookupsInTritonsWords) {
  add_onnx("m/1/model.onnx", "identity_int32.onnx");
  add_onnx("m/3/model.onnx", "identity_int32.onnx");
  folder_.write("m/config.pbtxt", "version_policy: { all: { } }");
  open();
  EXPECT_EQ(service_->model_metadata("m", {})->versions, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(service_->model_metadata("m", 1)->versions, (std::vector<int64_t>{1}));
  EXPECT_EQ(service_->check_model("no", {}).error().message,
            "Request for unknown model: 'no' is not found");
  EXPECT_EQ(service_->model_config("m", 2).error().message,
            "Request for unknown model: 'm' version 2 is not found");
  EXPECT_EQ(repository_->find("m", {})->version(), 3);
  EXPECT_EQ(service_->statistics("no", {}).error().message,
            "requested model 'no' is not available");
  EXPECT_EQ(service_->statistics("m", 2).error().message,
            "requested model version is not available for model 'm'");
  EXPECT_THAT(service_->statistics("", {}).value(), SizeIs(2));
}

TEST_F(ServiceTest, ServesAnEmptyRepository) {
  open();
  EXPECT_TRUE(service_->ready());
  EXPECT_TRUE(service_->index(false).empty());
}

TEST_F(ServiceTest, RefusesATokenizerOfAnotherModel) {
  add_onnx("m/1/model.onnx", "encoder.onnx");
  fs::copy_file(fs::path(NESO_TEST_MODEL) / "tokenizer.json",
                folder_.path() / "m/1/tokenizer.json");
  folder_.write(
      "m/1/config.json",
      R"({"model_type": "unheard-of", "hidden_size": 8, "vocab_size": 32, "max_position_embeddings": 64})");
  open();
  EXPECT_THAT(only_status(), HasSubstr("tokenizer.json has ids up to 30521"));
  EXPECT_THAT(only_status(), HasSubstr("embeddings for 32 ids"));
}

TEST_F(ServiceTest, KeepsDescriptionsTogether) {
  add_onnx("m/1/model.onnx", "encoder.onnx");
  folder_.write("m/1/config.json", R"({"model_type": "unheard-of", "hidden_size": 8})");
  folder_.write("m/modules.json", "[]");
  open();
  EXPECT_THAT(only_status(), HasSubstr("modules.json is in the model folder"));
}

TEST_F(ServiceTest, FindsTheDescriptionBesideTheVersions) {
  for (const char* file :
       {"config.json", "modules.json", "tokenizer.json", "sentence_bert_config.json"}) {
    fs::create_directories(folder_.path() / "m/1");
    fs::copy_file(fs::path(NESO_TEST_MODEL) / file, folder_.path() / "m" / file);
  }
  fs::copy(fs::path(NESO_TEST_MODEL) / "1_Pooling", folder_.path() / "m/1_Pooling");
  fs::create_symlink(fs::path(NESO_TEST_MODEL) / "model.safetensors",
                     folder_.path() / "m/1/model.safetensors");
  open();
  ASSERT_EQ(only_status(), "READY");
  EXPECT_EQ(repository_->models()[0]->engine().name, "cpu");
  EXPECT_TRUE(embed({.model = "m", .texts = {"a cat"}}));
}

TEST_F(ServiceTest, RefusesAFileNameThatLeadsOut) {
  folder_.write("m/config.pbtxt", "default_model_filename: \"../../model.onnx\"");
  add_onnx("m/1/model.onnx", "encoder.onnx");
  open();
  EXPECT_NE(only_status(), "READY");
}

TEST_F(ServiceTest, F04_AnAnnouncedStopIsSeenButStillServes) {
  add_onnx("m/1/model.onnx", "identity_int32.onnx");
  open();
  EXPECT_FALSE(service_->stopping());
  service_->announce_stop();
  EXPECT_TRUE(service_->stopping());
  EXPECT_FALSE(service_->ready());
  EXPECT_NE(infer("m", {}).error().code, ErrorCode::NotReady);
  service_.reset();
  repository_->stop();
}

TEST_F(ServiceTest, RefusesNewWorkWhileDraining) {
  add_onnx("m/1/model.onnx", "identity_int32.onnx");
  open();
  service_->begin_drain();
  EXPECT_FALSE(service_->ready());
  EXPECT_EQ(infer("m", {}).error().code, ErrorCode::NotReady);
  service_.reset();
  repository_->stop();
}

TEST_F(ServiceTest, RunsPostedWork) {
  open();
  std::promise<void> ran;
  service_->post([&] { ran.set_value(); });
  ran.get_future().wait();
}

}  // namespace
}  // namespace neso
