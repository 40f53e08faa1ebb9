// SPDX-License-Identifier: Apache-2.0
#include "engine/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/engine.h"

namespace neso {
namespace {

using Floats = std::vector<float>;
using testing::ElementsAre;
using testing::FloatEq;

Floats pool(const Floats& states, size_t hidden, std::vector<PoolingMode> modes) {
  const PoolingSpec spec{std::move(modes)};
  Floats out(spec.width(hidden), NAN);
  pool_sequence(states, hidden, spec, out);
  return out;
}

// Three tokens of width 2.
const Floats kStates = {1, -2, 4, 5, 7, 0};

TEST(Pooling, ClsIsTheFirstToken) {
  EXPECT_THAT(pool(kStates, 2, {PoolingMode::Cls}), ElementsAre(1, -2));
}

TEST(Pooling, LastTokenIsTheLast) {
  EXPECT_THAT(pool(kStates, 2, {PoolingMode::LastToken}), ElementsAre(7, 0));
}

TEST(Pooling, MaxIsPerColumn) {
  EXPECT_THAT(pool(kStates, 2, {PoolingMode::Max}), ElementsAre(7, 5));
}

TEST(Pooling, MeanDividesByTheTokens) {
  EXPECT_THAT(pool(kStates, 2, {PoolingMode::Mean}), ElementsAre(4, 1));
}

TEST(Pooling, MeanSqrtLengthDividesByTheRootOfTheTokens) {
  EXPECT_THAT(pool(kStates, 2, {PoolingMode::MeanSqrtLength}),
              ElementsAre(FloatEq(12 / std::sqrt(3.0F)), FloatEq(3 / std::sqrt(3.0F))));
}

TEST(Pooling, WeightedMeanWeighsByPositionFromOne) {
  EXPECT_THAT(pool(kStates, 2, {PoolingMode::WeightedMean}),
              ElementsAre(FloatEq(30.0F / 6), FloatEq(8.0F / 6)));
}

TEST(Pooling, SeveralModesStandSideBySideInTheirOrder) {
  EXPECT_THAT(pool(kStates, 2, {PoolingMode::Cls, PoolingMode::Max, PoolingMode::Mean}),
              ElementsAre(1, -2, 7, 5, 4, 1));
}

TEST(Pooling, OneTokenIsItselfInEveryMode) {
  for (const PoolingMode mode :
       {PoolingMode::Cls, PoolingMode::Max, PoolingMode::Mean, PoolingMode::MeanSqrtLength,
        PoolingMode::WeightedMean, PoolingMode::LastToken}) {
    EXPECT_THAT(pool({3, -4}, 2, {mode}), ElementsAre(3, -4)) << to_string(mode);
  }
}

TEST(Pooling, MeanAddsAscendingTokensInFp32WithOneAccumulatorPerColumn) {
  // In this order the small value vanishes; in another, or in double, it would not.
  const Floats states = {1e8F, 1, -1e8F};
  EXPECT_THAT(pool(states, 1, {PoolingMode::Mean}), ElementsAre(0));
}

TEST(Pooling, LongSequenceAgreesWithDoubles) {
  constexpr size_t kTokens = 513;
  constexpr size_t kHidden = 19;
  Floats states(kTokens * kHidden);
  for (size_t i = 0; i < states.size(); ++i)
    states[i] = static_cast<float>((i * 7919) % 1000) / 500 - 1;
  const Floats mean = pool(states, kHidden, {PoolingMode::Mean});
  const Floats weighted = pool(states, kHidden, {PoolingMode::WeightedMean});
  for (size_t c = 0; c < kHidden; ++c) {
    double sum = 0;
    double weighted_sum = 0;
    for (size_t t = 0; t < kTokens; ++t) {
      sum += static_cast<double>(states[t * kHidden + c]);
      weighted_sum += static_cast<double>(states[t * kHidden + c]) * static_cast<double>(t + 1);
    }
    EXPECT_NEAR(mean[c], sum / kTokens, 1e-6);
    EXPECT_NEAR(weighted[c], weighted_sum / (kTokens * (kTokens + 1) / 2.0), 1e-6);
  }
}

TEST(Pooling, NotANumberIsNotHiddenByMax) {
  EXPECT_TRUE(std::isnan(pool({NAN, 1, 2}, 1, {PoolingMode::Max})[0]));
  EXPECT_TRUE(std::isnan(pool({1, NAN, 2}, 1, {PoolingMode::Max})[0]));
  EXPECT_TRUE(std::isnan(pool({1, 2, NAN}, 1, {PoolingMode::Max})[0]));
}

TEST(NormalizeL2, MakesUnitLength) {
  Floats vector = {3, 4};
  normalize_l2(vector);
  EXPECT_THAT(vector, ElementsAre(0.6F, 0.8F));
}

TEST(NormalizeL2, ZeroStaysZero) {
  Floats vector = {0, 0};
  normalize_l2(vector);
  EXPECT_THAT(vector, ElementsAre(0, 0));
}

TEST(NormalizeL2, TinyVectorsAreDividedByTheSmallestNorm) {
  Floats vector = {1e-13F};
  normalize_l2(vector);
  EXPECT_THAT(vector, ElementsAre(FloatEq(0.1F)));
}

TEST(NormalizeL2, HugeVectorsDoNotOverflow) {
  Floats vector = {3e30F, 4e30F};
  normalize_l2(vector);
  EXPECT_THAT(vector, ElementsAre(FloatEq(0.6F), FloatEq(0.8F)));
}

TEST(FinishVector, TruncatesBeforeItNormalizes) {
  Floats vector = {3, 4, 100};
  const auto served = finish_vector(vector, {.dimensions = 2, .normalize = true});
  EXPECT_EQ(served.data(), vector.data());
  EXPECT_THAT(served, ElementsAre(0.6F, 0.8F));
}

TEST(FinishVector, ZeroDimensionsMeansAllAndNormalizingIsOptional) {
  Floats vector = {3, 4, 100};
  EXPECT_THAT(finish_vector(vector, {}), ElementsAre(3, 4, 100));
}

// numpy: (x - x.mean()) / sqrt(x.var() + 1e-5) of [1, 2, 3, 6], then its first two, normalised.
TEST(FinishVector, NormsTheWholeBeforeItIsCutAndOnlyThen) {
  const VectorFinish finish{.dimensions = 2, .norm_before_cut = true, .normalize = false};
  Floats vector = {1, 2, 3, 6};
  EXPECT_THAT(finish_vector(vector, finish),
              ElementsAre(FloatEq(-1.0690430F), FloatEq(-0.5345215F)));
  Floats whole = {1, 2, 3, 6};
  EXPECT_THAT(finish_vector(whole, {.dimensions = 4, .norm_before_cut = true}),
              ElementsAre(1, 2, 3, 6));
}

TEST(AllFinite, FindsTheOneBadValueAnywhere) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(all_finite({}));
  EXPECT_TRUE(all_finite(Floats{0, -0.0F, std::numeric_limits<float>::max(),
                                std::numeric_limits<float>::denorm_min()}));
  for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::signaling_NaN()}) {
    for (size_t place = 0; place < 37; ++place) {
      Floats values(37, 1.0F);
      values[place] = bad;
      EXPECT_FALSE(all_finite(values)) << bad << " at " << place;
    }
  }
}

TEST(Precision, HasAName) {
  EXPECT_EQ(to_string(Precision::Fp32), "fp32");
}

}  // namespace
}  // namespace neso
