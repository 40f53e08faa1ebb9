// SPDX-License-Identifier: Apache-2.0
#include "scheduling/failure_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace neso {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kSecondNs = 1'000'000'000;

class FailureLogTest : public testing::Test {
 protected:
  ManualClock clock_;
  std::vector<std::string> lines_;
  FailureLog log_{"bert", clock_, [this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(FailureLogTest, WritesTheFirstAndThenOneAMinuteWithTheNumberLeftOut) {
  for (int i = 0; i < 100; ++i) log_.failed(3, internal_error("it broke"));
  EXPECT_THAT(lines_, ElementsAre("model 'bert': a batch of 3 failed: it broke"));
  clock_.advance_ns(59 * kSecondNs);
  log_.failed(1, internal_error("it broke"));
  EXPECT_EQ(lines_.size(), 1u);
  clock_.advance_ns(kSecondNs);
  log_.failed(1, internal_error("it broke again"));
  log_.failed(1, internal_error("it broke"));
  EXPECT_THAT(lines_, ElementsAre(testing::_,
                                  "model 'bert': a batch of 1 failed: it broke again (100 more "
                                  "failed since the last such line)"));
}

TEST_F(FailureLogTest, SaysNothingOfNoneLeftOut) {
  log_.failed(1, internal_error("it broke"));
  clock_.advance_ns(61 * kSecondNs);
  log_.failed(1, internal_error("it broke"));
  EXPECT_THAT(lines_, ElementsAre("model 'bert': a batch of 1 failed: it broke",
                                  "model 'bert': a batch of 1 failed: it broke"));
}

TEST_F(FailureLogTest, LeavesTheClientsErrorsToTheClient) {
  log_.failed(1, invalid_argument("an id is outside the vocabulary"));
  EXPECT_THAT(lines_, IsEmpty());
}

}  // namespace
}  // namespace neso
