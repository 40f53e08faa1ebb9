// SPDX-License-Identifier: Apache-2.0
#include "simd/flush_denormals.h"

#include <gtest/gtest.h>

#include <cfloat>

namespace neso {
namespace {

// Computed when it is called, whatever the compiler knows.
float product(float a, float b) {
  volatile float x = a;
  volatile float y = b;
  return x * y;
}

TEST(FlushDenormals, ResultsAndOperandsAreZeroWhileItLivesAndNotBehind) {
  const float denormal = FLT_MIN / 4;
  EXPECT_GT(product(FLT_MIN, 0.25F), 0.0F);
  {
    const ScopedFlushDenormals flush;
    EXPECT_EQ(product(FLT_MIN, 0.25F), 0.0F);
    EXPECT_EQ(product(denormal, 8.0F), 0.0F);
    const ScopedFlushDenormals again;
  }
  EXPECT_GT(product(FLT_MIN, 0.25F), 0.0F);
  EXPECT_EQ(product(denormal, 8.0F), 2 * FLT_MIN);
}

}  // namespace
}  // namespace neso
