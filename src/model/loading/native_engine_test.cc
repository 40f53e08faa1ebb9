// SPDX-License-Identifier: Apache-2.0
// Our engine takes over from one that plays ONNX Runtime: an encoder with weights of its own seed.
#include "model/loading/native_engine.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/error.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/test_bert.h"
#include "model/loading/probe_agreement.h"
#include "simd/cpu.h"

namespace neso {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kSeed = 7;
constexpr float kInf = std::numeric_limits<float>::infinity();

Checkpoint bert(uint32_t seed, size_t hidden = 16) {
  return random_bert({.hidden = hidden,
                      .layers = 2,
                      .heads = 2,
                      .intermediate = 24,
                      .vocabulary = 50,
                      .max_positions = 20,
                      .type_vocabulary = 2},
                     seed);
}

std::unique_ptr<Engine> encoder(const Checkpoint& checkpoint) {
  auto weights = load_cpu_weights(checkpoint, Precision::Fp32, supported_isas().back());
  NESO_CHECK(weights.has_value());
  auto engine = make_cpu_engine(*weights, {.threads = 1});
  NESO_CHECK(engine.has_value());
  return *std::move(engine);
}

class GraphEngine final : public Engine {
 public:
  explicit GraphEngine(const Checkpoint& checkpoint) : encoder_(encoder(checkpoint)) {
    info_ = encoder_->info();
    info_.name = "onnx";
    info_.can_run = true;
    info_.inputs = {{"input_ids", DType::Int64, {-1, -1}},
                    {"token_type_ids", DType::Int64, {-1, -1}}};
  }
  EngineInfo& mutable_info() { return info_; }
  const EngineInfo& info() const override { return info_; }
  Result<> encode(const TokenBatch& batch, const PoolingSpec& pooling,
                  std::span<float> out) override {
    return encoder_->encode(batch, pooling, out);
  }
  Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) override {
    return encoder_->encode_tokens(batch, out);
  }
  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor>,
                                       std::span<const std::string>) override {
    return std::vector<NamedTensor>{{"from the graph", {}}};
  }

 private:
  std::unique_ptr<Engine> encoder_;
  EngineInfo info_;
};

class NativeEngine : public ::testing::Test {
 protected:
  NativeEngine() {
    files_.checkpoint = bert(kSeed);
    files_.candidates.onnx_file = "1/model.onnx";
  }

  // What the model's engine becomes when its graph has the weights of `seed`.
  Result<> take_over(uint32_t seed, NativeTerms terms = {}) {
    const auto first = std::make_shared<std::unique_ptr<Engine>>(open_graph(seed));
    opened_.kind = EngineKind::Onnx;
    opened_.info = (*first)->info();
    opened_.own = false;
    opened_.graph = true;
    opened_.make = [this, first, seed](const EngineShare&) -> Result<std::unique_ptr<Engine>> {
      if (*first) return std::move(*first);
      return open_graph(seed);
    };
    terms.vocabulary = 50;
    terms.types = 2;
    terms.max_tokens = 20;
    return encode_natively({.name = "m", .version = 1}, files_, terms, opened_);
  }

  std::unique_ptr<Engine> open_graph(uint32_t seed) {
    ++graphs_;
    auto graph = std::make_unique<GraphEngine>(bert(seed));
    if (!graph_takes_types_) graph->mutable_info().inputs.pop_back();
    return graph;
  }

  std::unique_ptr<Engine> made() {
    auto engine = opened_.make({});
    NESO_CHECK(engine.has_value());
    return *std::move(engine);
  }

  static std::vector<float> vector_of(Engine& engine, std::vector<int32_t> types = {0, 0, 0}) {
    TokenBatch batch;
    batch.append(std::vector<int32_t>{3, 1, 4}, types);
    std::vector<float> out(engine.info().hidden);
    NESO_CHECK(engine.encode(batch, {}, out).has_value());
    return out;
  }

  ModelFiles files_;
  OpenedEngine opened_;
  bool graph_takes_types_ = true;
  int graphs_ = 0;  // opened so far
};

TEST_F(NativeEngine, EncodesWhereBothAgreeAndLeavesTheGraphItsOutputs) {
  ASSERT_TRUE(take_over(kSeed));
  EXPECT_EQ(opened_.info.name, "cpu");
  EXPECT_TRUE(opened_.info.can_run);
  EXPECT_TRUE(opened_.own);
  EXPECT_TRUE(opened_.graph);
  const auto engine = made();
  EXPECT_EQ(engine->info().name, "cpu");
  EXPECT_EQ(engine->info().inputs, opened_.info.inputs);
  EXPECT_EQ(vector_of(*engine), vector_of(*encoder(bert(kSeed))));
  const auto answered = engine->run({}, {});
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->front().name, "from the graph");
  EXPECT_EQ(graphs_, 1);  // the one that was probed
  made();
  EXPECT_EQ(graphs_, 2);
}

TEST_F(NativeEngine, LetsTheGraphGoWhenNobodyCanAskForItsOutputs) {
  ASSERT_TRUE(take_over(kSeed, {.keeps_graph = false}));
  EXPECT_FALSE(opened_.graph);
  const auto engine = made();
  EXPECT_FALSE(engine->run({}, {}));
  made();
  EXPECT_EQ(graphs_, 1);
}

TEST_F(NativeEngine, ProbesInFp32AndEncodesInThePrecisionThatIsAskedFor) {
  files_.find_again = [this] { return files_; };
  ASSERT_TRUE(take_over(kSeed, {.precision = Precision::Int8}));
  EXPECT_EQ(opened_.info.precision, Precision::Int8);
  const auto engine = made();
  EXPECT_EQ(engine->info().precision, Precision::Int8);
  EXPECT_NE(vector_of(*engine), vector_of(*encoder(bert(kSeed))));
}

TEST_F(NativeEngine, LeavesEncodingToAGraphThatComputesSomethingElse) {
  ASSERT_TRUE(take_over(kSeed + 1));
  EXPECT_EQ(opened_.info.name, "onnx");
  EXPECT_FALSE(opened_.own);
  EXPECT_EQ(vector_of(*made()), vector_of(*encoder(bert(kSeed + 1))));
  EXPECT_EQ(graphs_, 1);
  const auto refused = take_over(kSeed + 1, {.required = true});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("asks for engine 'cpu'"));
  EXPECT_THAT(refused.error().message, HasSubstr("computes something else"));
}

TEST_F(NativeEngine, LeavesEncodingToTheGraphWhenOurEngineCannotLoadTheWeights) {
  auto weights = std::make_shared<RandomWeights>(files_.checkpoint->architecture, kSeed);
  weights->spoil("embeddings.LayerNorm.weight", 1, kInf);
  files_.checkpoint->weights = weights;
  ASSERT_TRUE(take_over(kSeed));
  EXPECT_EQ(opened_.info.name, "onnx");
  EXPECT_FALSE(take_over(kSeed, {.required = true}));
}

TEST_F(NativeEngine, IgnoresTypesThatTheGraphDoesNotTake) {
  graph_takes_types_ = false;
  ASSERT_TRUE(take_over(kSeed));
  const auto engine = made();
  EXPECT_EQ(vector_of(*engine, {0, 1, 1}), vector_of(*engine));
  graph_takes_types_ = true;
  ASSERT_TRUE(take_over(kSeed));
  const auto typed = made();
  EXPECT_NE(vector_of(*typed, {0, 1, 1}), vector_of(*typed));
}

TEST(NativeProbe, AgreesWithItself) {
  const auto a = encoder(bert(kSeed));
  const auto b = encoder(bert(kSeed));
  for (const size_t max_tokens : {size_t{1}, size_t{20}}) {
    const auto agreement =
        probe_agreement(*a, *b, {.vocabulary = 50, .types = 2, .max_tokens = max_tokens});
    ASSERT_TRUE(agreement) << agreement.error().message;
    EXPECT_NEAR(*agreement, 1.0, 1e-12);
  }
}

// One wrong number: nothing that a name or a shape shows.
TEST(NativeProbe, SeesASmallMistake) {
  const ProbeTerms limits = {.vocabulary = 50, .types = 2, .max_tokens = 20};
  const auto right = encoder(bert(kSeed));
  for (const char* name :
       {"encoder.layer.1.attention.self.key.weight", "encoder.layer.0.output.dense.bias",
        "embeddings.token_type_embeddings.weight"}) {
    Checkpoint spoilt = bert(kSeed);
    auto weights = std::make_shared<RandomWeights>(spoilt.architecture, kSeed);
    weights->spoil(name, 1, 2.0F);
    spoilt.weights = weights;
    const auto agreement = probe_agreement(*right, *encoder(spoilt), limits);
    ASSERT_TRUE(agreement);
    EXPECT_LT(*agreement, kProbeAgreement) << name;
  }
}

TEST(NativeProbe, RefusesAnotherWidth) {
  const auto refused = probe_agreement(*encoder(bert(kSeed)), *encoder(bert(kSeed, 32)),
                                       {.vocabulary = 50, .types = 2, .max_tokens = 20});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("16 values, config.json's 32"));
}

}  // namespace
}  // namespace neso
