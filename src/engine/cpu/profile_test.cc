// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/profile.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/test_bert.h"

namespace neso {
namespace {

// Every look at it takes a microsecond.
class TickingClock final : public Clock {
 public:
  int64_t now_ns() const override { return now_ns_.fetch_add(1000); }
  int64_t wall_us() const override { return 0; }
  int64_t passed_ns() const { return now_ns_.load(); }

 private:
  mutable std::atomic<int64_t> now_ns_{0};
};

Architecture small() {
  Architecture a = narrow_sizes();
  a.max_positions = 1300;
  a.rotary = {1000, 1, 1300};
  return a;
}

int64_t total(const Profile& profile) {
  int64_t sum = 0;
  for (size_t i = 0; i < kOperationNames.size(); ++i) sum += profile.ns(static_cast<Operation>(i));
  return sum;
}

// On a clock that moves only when somebody looks, a lap that is missing would leave its time to
// the next operation, and one that is there twice would show an operation that does not exist.
TEST(Profile, AccountsForAllOfTheTimeAndForEveryOperation) {
  for (const size_t tokens : {20, 1200}) {
    const TickingClock clock;
    Profile profile(clock);
    const auto weights = load_cpu_weights(random_nomic(small(), 1), Precision::Int8, Isa::Generic);
    ASSERT_TRUE(weights.has_value());
    const auto engine = make_cpu_engine(*weights, {.threads = 1, .profile = &profile});
    ASSERT_TRUE(engine.has_value());
    TokenBatch batch;
    batch.append(std::vector<int32_t>(tokens, 3));
    std::vector<float> out(64);
    ASSERT_TRUE((*engine)->encode(batch, {}, out).has_value());
    for (size_t i = 0; i < kOperationNames.size(); ++i) {
      const auto operation = static_cast<Operation>(i);
      EXPECT_EQ(profile.ns(operation) > 0, operation != Operation::Wait) << kOperationNames[i];
    }
    // Two stopwatches, whose start belongs to nothing.
    EXPECT_EQ(total(profile), clock.passed_ns() - 2 * 1000);
  }
}

TEST(Profile, OfATeamCountsTheWaiting) {
  const TickingClock clock;
  Profile profile(clock);
  const auto weights = load_cpu_weights(random_bert(small(), 1), Precision::Fp32, Isa::Generic);
  ASSERT_TRUE(weights.has_value());
  const auto engine = make_cpu_engine(*weights, {.threads = 2, .profile = &profile});
  ASSERT_TRUE(engine.has_value());
  TokenBatch batch;
  batch.append(std::vector<int32_t>(1000, 3));
  std::vector<float> out(64);
  ASSERT_TRUE((*engine)->encode(batch, {}, out).has_value());
  EXPECT_GT(profile.ns(Operation::Wait), 0);
  EXPECT_EQ(profile.ns(Operation::Rotate), 0);
}

}  // namespace
}  // namespace neso
