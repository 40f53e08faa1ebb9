// SPDX-License-Identifier: Apache-2.0
// Vectors of the reference libraries, reproduced. The bounds: cosine 0.99999, and no value off by
// more than 2e-6 (unit vectors) or 1e-5 (states of random models, whose values reach 3), five times
// what was measured. Files: tools/make_golden.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/cpu_weights.h"
#include "engine/cpu/test_bert.h"
#include "engine/pooling.h"
#include "simd/cpu.h"

namespace neso {
namespace {

constexpr double kCosine = 0.99999;
constexpr double kUnitVectorError = 2e-6;
constexpr double kStateError = 1e-5;

JsonValue golden(const char* file) {
  const auto text = read_file(std::filesystem::path(NESO_GOLDEN_DIR) / file, size_t{4} << 20);
  EXPECT_TRUE(text.has_value()) << text.error().message;
  auto value = parse_json(*text);
  EXPECT_TRUE(value.has_value()) << value.error().message;
  return *std::move(value);
}

const JsonValue& member(const JsonValue& object, std::string_view key) {
  const JsonValue* value = object.find(key);
  EXPECT_NE(value, nullptr) << key;
  return *value;
}

std::vector<float> floats(const JsonValue& array) {
  std::vector<float> values;
  for (const JsonValue& value : array.array())
    values.push_back(static_cast<float>(value.as_double().value()));
  return values;
}

std::vector<int32_t> integers(const JsonValue& array) {
  std::vector<int32_t> values;
  for (const JsonValue& value : array.array())
    values.push_back(static_cast<int32_t>(value.as_int().value()));
  return values;
}

size_t size_of(const JsonValue& object, std::string_view key) {
  return static_cast<size_t>(member(object, key).as_int().value());
}

void expect_close(std::span<const float> ours, std::span<const float> theirs,
                  double largest_error) {
  ASSERT_EQ(ours.size(), theirs.size());
  double dot = 0;
  double our_square = 0;
  double their_square = 0;
  double error = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double a = ours[i];
    const double b = theirs[i];
    dot += a * b;
    our_square += a * a;
    their_square += b * b;
    error = std::max(error, std::abs(a - b));
  }
  EXPECT_GE(dot / std::sqrt(our_square * their_square), kCosine);
  EXPECT_LE(error, largest_error);
}

std::unique_ptr<Engine> engine_for(const Checkpoint& checkpoint, Isa isa, size_t threads) {
  auto weights = load_cpu_weights(checkpoint, Precision::Fp32, isa);
  EXPECT_TRUE(weights.has_value()) << weights.error().message;
  auto engine = make_cpu_engine(*std::move(weights), CpuOptions{threads});
  EXPECT_TRUE(engine.has_value()) << engine.error().message;
  return *std::move(engine);
}

// Every test runs with each instruction set that this machine has.
class Golden : public testing::TestWithParam<Isa> {};

TEST_P(Golden, MiniLmGivesTheVectorsOfSentenceTransformers) {
  if (!std::filesystem::exists(NESO_MINILM_DIR))
    GTEST_SKIP() << "run ./dev setup: it fetches the model";
  const auto checkpoint = open_checkpoint(NESO_MINILM_DIR);
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.error().message;
  const auto engine = engine_for(*checkpoint, GetParam(), 2);

  const JsonValue file = golden("minilm.json");
  const JsonArray& cases = member(file, "cases").array();
  ASSERT_GE(cases.size(), 60U);
  TokenBatch batch;
  for (const JsonValue& one : cases) batch.append(integers(member(one, "ids")));
  std::vector<float> vectors(cases.size() * 384);
  ASSERT_TRUE(engine->encode(batch, checkpoint->pooling, vectors).has_value());
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(member(cases[i], "text").as_string().value());
    const auto vector = finish_vector(std::span(vectors).subspan(i * 384, 384),
                                      {.normalize = checkpoint->normalize});
    expect_close(vector, floats(member(cases[i], "vector")), kUnitVectorError);
  }
}

Activation activation_of(std::string_view name) {
  if (name == "gelu" || name == "geglu") return Activation::GeluErf;
  if (name == "gelu_new") return Activation::GeluTanh;
  if (name == "relu") return Activation::Relu;
  EXPECT_TRUE(name == "silu" || name == "swiglu") << name;
  return Activation::Silu;
}

Architecture architecture_of(const JsonValue& model) {
  Architecture a;
  a.hidden = size_of(model, "hidden");
  a.layers = size_of(model, "layers");
  a.heads = size_of(model, "heads");
  a.intermediate = size_of(model, "intermediate");
  a.vocabulary = size_of(model, "vocab");
  a.max_positions = size_of(model, "positions");
  a.type_vocabulary = size_of(model, "types");
  a.norm_epsilon = static_cast<float>(member(model, "epsilon").as_double().value());
  a.activation = activation_of(member(model, "activation").as_string().value());
  if (model.find("trained") != nullptr) {
    a.rotary.base = static_cast<float>(member(model, "base").as_double().value());
    a.rotary.scaling_factor = static_cast<float>(member(model, "scaling").as_double().value());
    a.rotary.trained_positions = size_of(model, "trained");
  }
  return a;
}

// Sequences of every model in the file, against the states of transformers.
void expect_states(const JsonValue& file, Isa isa,
                   Checkpoint (*random_model)(Architecture, uint32_t)) {
  for (const JsonValue& model : member(file, "models").array()) {
    const size_t seed = size_of(model, "seed");
    SCOPED_TRACE("model of seed " + std::to_string(seed));
    const Architecture architecture = architecture_of(model);
    const auto engine = engine_for(random_model(architecture, static_cast<uint32_t>(seed)), isa, 2);

    const JsonArray& sequences = member(model, "sequences").array();
    TokenBatch batch;
    for (const JsonValue& one : sequences)
      batch.append(integers(member(one, "ids")), integers(member(one, "types")));
    PoolingSpec pooling;
    pooling.modes = {PoolingMode::Cls, PoolingMode::Mean, PoolingMode::LastToken};
    const size_t hidden = architecture.hidden;
    std::vector<float> out(sequences.size() * 3 * hidden);
    ASSERT_TRUE(engine->encode(batch, pooling, out).has_value());
    for (size_t i = 0; i < sequences.size(); ++i) {
      SCOPED_TRACE(std::to_string(batch.length(i)) + " tokens");
      const auto row = std::span(out).subspan(i * 3 * hidden, 3 * hidden);
      expect_close(row.first(hidden), floats(member(sequences[i], "first")), kStateError);
      expect_close(row.subspan(hidden, hidden), floats(member(sequences[i], "mean")), kStateError);
      expect_close(row.last(hidden), floats(member(sequences[i], "last")), kStateError);
    }
  }
}

TEST_P(Golden, RandomBertsOfOddSizesGiveTheStatesOfTransformers) {
  const JsonValue file = golden("random_bert.json");
  ASSERT_GE(member(file, "models").array().size(), 5U);
  expect_states(file, GetParam(), random_bert);
}

// Rotary positions with a base of the sequence's own length among them.
TEST_P(Golden, RandomNomicBertsOfOddSizesGiveTheStatesOfTransformers) {
  const JsonValue file = golden("random_nomic.json");
  ASSERT_GE(member(file, "models").array().size(), 4U);
  expect_states(file, GetParam(), random_nomic);
}

INSTANTIATE_TEST_SUITE_P(Isas, Golden, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(GoldenPooling, EveryModeIsThatOfSentenceTransformers) {
  const JsonValue file = golden("pooling.json");
  const std::vector<std::pair<const char*, PoolingMode>> modes = {
      {"cls", PoolingMode::Cls},
      {"max", PoolingMode::Max},
      {"mean", PoolingMode::Mean},
      {"mean_sqrt_len_tokens", PoolingMode::MeanSqrtLength},
      {"weightedmean", PoolingMode::WeightedMean},
      {"lasttoken", PoolingMode::LastToken}};
  for (const JsonValue& one : member(file, "cases").array()) {
    const auto states = floats(member(one, "states"));
    const size_t width = size_of(one, "width");
    for (const auto& [name, mode] : modes) {
      SCOPED_TRACE(name);
      std::vector<float> out(width);
      pool_sequence(states, width, PoolingSpec{{mode}}, out);
      expect_close(out, floats(member(member(one, "modes"), name)), 1e-6);
    }
  }
}

}  // namespace
}  // namespace neso
