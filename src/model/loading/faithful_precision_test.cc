// SPDX-License-Identifier: Apache-2.0
#include "model/loading/faithful_precision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <limits>
#include <memory>
#include <utility>

#include "base/check.h"
#include "engine/cpu/test_bert.h"
#include "simd/cpu.h"

namespace neso {
namespace {

using ::testing::HasSubstr;

Checkpoint bert() {
  return random_bert({.hidden = 16,
                      .layers = 2,
                      .heads = 2,
                      .intermediate = 24,
                      .vocabulary = 50,
                      .max_positions = 20,
                      .type_vocabulary = 2},
                     7);
}

Checkpoint with(std::initializer_list<std::pair<const char*, float>> spoilt) {
  Checkpoint checkpoint = bert();
  auto weights = std::make_shared<RandomWeights>(checkpoint.architecture, 7);
  for (const auto& [tensor, value] : spoilt) weights->spoil(tensor, 1, value);
  checkpoint.weights = std::move(weights);
  return checkpoint;
}

FaithfulWeights chosen(const Checkpoint& checkpoint, bool bf16_is_faster) {
  auto weights = load_faithful_weights(checkpoint, supported_isas().back(), bf16_is_faster);
  NESO_CHECK(weights.has_value());
  const auto engine = make_cpu_engine(weights->weights, {.threads = 1});
  EXPECT_EQ((*engine)->info().precision, weights->precision);
  return *std::move(weights);
}

TEST(FaithfulPrecision, IsBf16WhereThatIsFasterAndNearFp32) {
  const FaithfulWeights weights = chosen(bert(), true);
  EXPECT_EQ(weights.precision, Precision::Bf16);
  EXPECT_THAT(weights.reason, HasSubstr("cosine of bf16 to fp32 is 0.9999"));
}

TEST(FaithfulPrecision, IsFp32WhereBf16IsNoFaster) {
  const FaithfulWeights weights = chosen(bert(), false);
  EXPECT_EQ(weights.precision, Precision::Fp32);
  EXPECT_THAT(weights.reason, HasSubstr("no faster"));
}

// An attention that decides between almost equal tokens: rounding turns it over.
TEST(FaithfulPrecision, IsFp32WhereRoundingMovesTheVectors) {
  const FaithfulWeights weights =
      chosen(with({{"encoder.layer.1.attention.self.query.weight", 3000.0F},
                   {"encoder.layer.1.attention.self.value.weight", 300.0F}}),
             true);
  EXPECT_EQ(weights.precision, Precision::Fp32);
  EXPECT_THAT(weights.reason, HasSubstr("less than 0.9999"));
}

// fp32 still holds what bf16 rounds up to infinity.
TEST(FaithfulPrecision, IsFp32WhereBf16Overflows) {
  const FaithfulWeights weights = chosen(
      with({{"embeddings.word_embeddings.weight", std::numeric_limits<float>::max()}}), true);
  EXPECT_EQ(weights.precision, Precision::Fp32);
  EXPECT_THAT(weights.reason, HasSubstr("no finite result"));
}

}  // namespace
}  // namespace neso
