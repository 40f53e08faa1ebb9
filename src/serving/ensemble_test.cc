// SPDX-License-Identifier: Apache-2.0
// Ensembles over real parts: simple (sum and difference of INT32 [16]) and an identity.
#include "model/ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "base/temporary_folder.h"
#include "serving/service.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// (A + B) through an identity, and A - B. The steps stand in the wrong order.
constexpr const char* kChain = R"(
platform: "ensemble"
max_batch_size: 4
input [ { name: "A" data_type: TYPE_INT32 dims: 16 }, { name: "B" data_type: TYPE_INT32 dims: 16 } ]
output [ { name: "SUM" data_type: TYPE_INT32 dims: -1 }, { name: "DIFF" data_type: TYPE_INT32 dims: 16 } ]
ensemble_scheduling { step [
  { model_name: "copy" input_map { key: "INPUT0" value: "sum" } output_map { key: "OUTPUT0" value: "SUM" } },
  { model_name: "simple"
    input_map { key: "INPUT0" value: "A" } input_map { key: "INPUT1" value: "B" }
    output_map { key: "OUTPUT0" value: "sum" } output_map { key: "OUTPUT1" value: "DIFF" } } ] }
)";

class EnsembleTest : public ::testing::Test {
 protected:
  EnsembleTest() {
    add("simple", "simple");
    add("copy", "identity_int32");
    folder_.write("chain/config.pbtxt", kChain);
    fs::create_directories(folder_.path() / "chain/1");
  }
  void add(const std::string& model, const std::string& graph) {
    fs::create_directories(folder_.path() / model / "1");
    fs::copy_file(fs::path(NESO_TEST_ONNX) / (graph + ".onnx"),
                  folder_.path() / model / "1/model.onnx");
  }
  std::string with(const std::string& from, const std::string& to) {
    std::string config = kChain;
    config.replace(config.find(from), from.size(), to);
    return config;
  }
  void open(std::vector<std::string> startup = {"*"}) {
    RepositoryOptions options{.folders = {folder_.path()},
                              .control = ModelControl::Explicit,
                              .startup_models = std::move(startup)};
    options.engine.onnx_runtime_library = NESO_TEST_ONNX_RUNTIME;
    repository_ = Repository::open(options, metrics_, clock_).value();
    service_ = Service::create(*repository_, {.workers = 1}).value();
  }
  // Why the ensemble of this config does not serve.
  std::string refusal(const std::string& config) {
    folder_.write("chain/config.pbtxt", config);
    open();
    for (const ModelStatusRow& row : repository_->status_rows()) {
      if (row.model == "chain") return row.status;
    }
    return "no row";
  }
  Result<InferResponse> infer(int32_t a, int32_t b, std::vector<std::string> outputs = {},
                              int64_t rows = 1) {
    const std::vector<int32_t> as(static_cast<size_t>(rows) * 16, a);
    const std::vector<int32_t> bs(static_cast<size_t>(rows) * 16, b);
    InferRequest request{.model = "chain", .id = "7"};
    request.inputs = {{"A", Tensor::from<int32_t>(DType::Int32, {rows, 16}, as)},
                      {"B", Tensor::from<int32_t>(DType::Int32, {rows, 16}, bs)}};
    request.outputs = std::move(outputs);
    std::promise<Result<InferResponse>> promise;
    service_->infer(std::move(request), Completion<InferResponse>([&](Result<InferResponse> r) {
                      promise.set_value(std::move(r));
                    }));
    return promise.get_future().get();
  }
  uint64_t executions(const std::string& model) {
    return service_->statistics(model, {}).value().front().execution_count;
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  std::unique_ptr<Repository> repository_;
  std::unique_ptr<Service> service_;
};

TEST_F(EnsembleTest, RunsItsStepsInTheOrderOfTheirTensors) {
  open();
  const auto response = infer(5, 3);
  ASSERT_TRUE(response) << response.error().message;
  ASSERT_EQ(response->outputs.size(), 2U);
  EXPECT_EQ(response->outputs[0].name, "DIFF") << "sorted by name";
  EXPECT_EQ(response->outputs[0].tensor.as<int32_t>().front(), 2);
  EXPECT_EQ(response->outputs[1].name, "SUM");
  EXPECT_EQ(response->outputs[1].tensor.as<int32_t>().front(), 8);
  EXPECT_EQ(response->version, 1);
  EXPECT_EQ(response->id, "7");
  EXPECT_EQ(response->parameters.size(), 3U);
}

TEST_F(EnsembleTest, LeavesOutStepsThatNobodyNeeds) {
  open();
  const auto response = infer(5, 3, {"DIFF"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->outputs.size(), 1U);
  EXPECT_EQ(executions("simple"), 1U);
  EXPECT_EQ(executions("copy"), 0U);
}

TEST_F(EnsembleTest, CountsItselfAndItsParts) {
  open();
  ASSERT_TRUE(infer(1, 2, {}, 3));
  const auto statistics = service_->statistics("chain", {}).value().front();
  EXPECT_EQ(statistics.success.count, 1U);
  EXPECT_EQ(statistics.inference_count, 3U);
  EXPECT_EQ(statistics.execution_count, 1U);
  EXPECT_EQ(statistics.batches.front().batch_size, 3U);
  EXPECT_EQ(executions("copy"), 1U);
}

TEST_F(EnsembleTest, ChecksRequestsLikeAnyModel) {
  open();
  EXPECT_EQ(infer(1, 2, {}, 5).error().message,
            "[request id: 7] inference request batch-size must be <= 4 for 'chain'");
  EXPECT_EQ(infer(1, 2, {"sum"}).error().message,
            "unexpected inference output 'sum' for model 'chain'");
}

TEST_F(EnsembleTest, ServesAsLongAsItsPartsDo) {
  open();
  EXPECT_TRUE(repository_->unload("copy"));
  EXPECT_EQ(infer(1, 2).error().message,
            "Request for unknown model: 'chain' has no available versions");
  EXPECT_TRUE(repository_->load("copy", {}));
  EXPECT_TRUE(infer(1, 2));
}

TEST_F(EnsembleTest, BringsItsPartsAndTakesThemAlong) {
  open({"copy"});
  EXPECT_TRUE(repository_->load("chain", {}));
  EXPECT_TRUE(infer(1, 2));
  EXPECT_TRUE(repository_->unload("chain", true));
  EXPECT_FALSE(repository_->find("simple", {})) << "it came for the ensemble alone";
  EXPECT_TRUE(repository_->find("copy", {})) << "it was asked for by name";
}

TEST_F(EnsembleTest, AnEnsembleMayBeAPart) {
  folder_.write("outer/config.pbtxt", R"(
    platform: "ensemble" max_batch_size: 4
    input [ { name: "X" data_type: TYPE_INT32 dims: 16 }, { name: "Y" data_type: TYPE_INT32 dims: 16 } ]
    output { name: "Z" data_type: TYPE_INT32 dims: 16 }
    ensemble_scheduling { step { model_name: "chain"
      input_map { key: "A" value: "X" } input_map { key: "B" value: "Y" } output_map { key: "DIFF" value: "Z" } } })");
  fs::create_directories(folder_.path() / "outer/1");
  open();
  EXPECT_TRUE(repository_->find("outer", {}));
  EXPECT_TRUE(repository_->unload("simple"));
  EXPECT_FALSE(repository_->find("outer", {}));
}

TEST_F(EnsembleTest, PartsThatDoNotFitAreNamed) {
  EXPECT_THAT(refusal(with("max_batch_size: 4", "max_batch_size: 9")),
              HasSubstr("ensemble chain allows maximum batch size 9, but it contains model "));
  EXPECT_THAT(
      refusal(with("\"simple\"", "\"ghost\"")),
      HasSubstr("ensemble chain contains models that are not available or ambiguous: ghost"));
  EXPECT_THAT(refusal(with("key: \"INPUT1\"", "key: \"INPUT9\"")),
              HasSubstr("in ensemble chain, ensemble tensor B is mapping to non-existing input "
                        "INPUT9 in model simple"));
  EXPECT_THAT(refusal(with("key: \"OUTPUT1\"", "key: \"OUTPUT9\"")),
              HasSubstr("ensemble tensor DIFF is mapped from non-existing output OUTPUT9"));
  EXPECT_THAT(refusal(with("TYPE_INT32 dims: -1", "TYPE_FP32 dims: -1")),
              HasSubstr("in ensemble chain, ensemble tensor SUM: inconsistent data type: "));
  EXPECT_THAT(refusal(with("name: \"DIFF\" data_type: TYPE_INT32 dims: 16",
                           "name: \"DIFF\" data_type: TYPE_INT32 dims: 8")),
              HasSubstr("in ensemble chain, ensemble tensor DIFF: inconsistent shape: [-1,16] is "
                        "inferred from model simple while [-1,8] is inferred from model chain"));
}

TEST_F(EnsembleTest, TensorsThatLeadNowhereAreNamed) {
  EXPECT_THAT(refusal(with("value: \"B\"", "value: \"A\"")),
              HasSubstr("ensemble input 'B' for ensemble chain' is not used"));
  EXPECT_THAT(refusal(with("value: \"SUM\"", "value: \"OTHER\"")),
              HasSubstr("ensemble output 'SUM' for ensemble chain' is not used"));
  EXPECT_THAT(refusal(with("key: \"INPUT0\" value: \"sum\"", "key: \"INPUT0\" value: \"lost\"")),
              HasSubstr("ensemble tensor 'sum' is unused in ensemble 'chain'"));
  EXPECT_THAT(refusal(with("value: \"DIFF\"", "value: \"sum\"")),
              HasSubstr("ensemble tensor 'sum' can appear in an output map only once"));
}

TEST_F(EnsembleTest, B42_StepsThatWaitForEachOtherAreNamed) {
  EXPECT_THAT(refusal(R"(
platform: "ensemble"
max_batch_size: 8
input [ { name: "A" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "B" data_type: TYPE_INT32 dims: [ 16 ] } ]
ensemble_scheduling { step [
  { model_name: "simple" model_version: -1
    input_map { key: "INPUT0" value: "A" } input_map { key: "INPUT1" value: "y" }
    output_map { key: "OUTPUT0" value: "x" } },
  { model_name: "simple" model_version: -1
    input_map { key: "INPUT0" value: "A" } input_map { key: "INPUT1" value: "x" }
    output_map { key: "OUTPUT0" value: "y" } output_map { key: "OUTPUT1" value: "B" } } ] }
)"),
              HasSubstr("in ensemble 'chain', steps wait for each other: 'y' needs 'x' needs 'y'"));
}

}  // namespace
}  // namespace neso
