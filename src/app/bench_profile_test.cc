// SPDX-License-Identifier: Apache-2.0
#include "app/bench_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ProfileSlice, SharesWhatCameSinceItsStartTheLongestFirst) {
  const ManualClock clock;
  Profile profile(clock);
  profile.add(Operation::Up, 900);
  const ProfileSlice slice(&profile);
  EXPECT_THAT(slice.shares(), IsEmpty());
  profile.add(Operation::Softmax, 10);
  profile.add(Operation::Up, 30);
  EXPECT_THAT(slice.shares(), ElementsAre(Pair("up", 0.75), Pair("softmax", 0.25)));
}

TEST(ProfileSlice, IsEmptyWithoutAProfile) {
  EXPECT_THAT(ProfileSlice(nullptr).shares(), IsEmpty());
}

}  // namespace
}  // namespace neso
