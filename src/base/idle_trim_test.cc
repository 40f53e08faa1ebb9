// SPDX-License-Identifier: Apache-2.0
#include "base/idle_trim.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace neso {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kRestNs = 5 * kSecondNs;

class IdleTrimTest : public ::testing::Test {
 protected:
  // Looks every second for so long, while so much flows between two looks; how often it was due.
  int looks(int seconds, uint64_t bytes_a_second) {
    int due = 0;
    for (int second = 0; second < seconds; ++second) {
      clock_.advance_ns(kSecondNs);
      flowed_bytes_ += bytes_a_second;
      due += trim_.due(flowed_bytes_, clock_.now_ns()) ? 1 : 0;
    }
    return due;
  }

  ManualClock clock_;
  IdleTrim trim_{kRestNs};
  uint64_t flowed_bytes_ = 0;
};

TEST_F(IdleTrimTest, IsDueOnceAfterWork) {
  EXPECT_EQ(looks(10, IdleTrim::kWorkBytes), 0);
  EXPECT_EQ(looks(4, 0), 0);
  EXPECT_EQ(looks(1, 0), 1);
  EXPECT_EQ(looks(1000, 0), 0);
  EXPECT_EQ(looks(1, IdleTrim::kWorkBytes), 0);
  EXPECT_EQ(looks(1000, 0), 1);
}

TEST_F(IdleTrimTest, IsNeverDueInTheMiddleOfWork) {
  EXPECT_EQ(looks(1000, IdleTrim::kWorkBytes), 0);
  for (int burst = 0; burst < 100; ++burst) {
    EXPECT_EQ(looks(1, 10 * IdleTrim::kWorkBytes), 0);
    EXPECT_EQ(looks(4, 0), 0);
  }
}

TEST_F(IdleTrimTest, WhatHasNeverWorkedHasNothingToGiveBack) {
  EXPECT_EQ(looks(1000, 0), 0);
}

TEST_F(IdleTrimTest, HealthChecksAndScrapesAreNoWork) {
  EXPECT_EQ(looks(10, IdleTrim::kWorkBytes), 0);
  constexpr uint64_t kScrape = 20'000;
  EXPECT_EQ(looks(10, kScrape), 1);  // they keep it from nothing
  // and ask for it only as rarely as work would be done by now
  EXPECT_LE(looks(1000, kScrape), static_cast<int>(1000 * kScrape / IdleTrim::kWorkBytes));
}

}  // namespace
}  // namespace neso
