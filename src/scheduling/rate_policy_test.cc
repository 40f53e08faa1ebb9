// SPDX-License-Identifier: Apache-2.0
#include "scheduling/rate_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Instance = RatePolicy::Instance;

InstanceResources needs(std::string name, uint32_t count, uint32_t priority = 0) {
  return {.needs = {{.name = std::move(name), .count = count}}, .priority = priority};
}
InstanceResources global(std::string name, uint32_t count) {
  return {.needs = {{.name = std::move(name), .global = true, .count = count}}};
}

class RatePolicyTest : public ::testing::Test {
 protected:
  void limit(std::vector<ResourceLimit> limits) {
    policy_ = std::make_unique<RatePolicy>(std::move(limits));
  }
  Instance& add(const InstanceResources& resources, int device = 0) {
    auto added = policy_->add(resources, device);
    EXPECT_TRUE(added) << added.error().message;
    return **added;
  }
  std::string refusal(const InstanceResources& resources, int device = 0) {
    auto added = policy_->add(resources, device);
    return added ? "" : added.error().message;
  }
  // Whether it may run at once.
  bool runs(Instance& instance) {
    policy_->wait(instance);
    policy_->grant();
    return RatePolicy::holds(instance);
  }
  void end(Instance& instance) {
    policy_->release(instance);
    policy_->grant();
  }
  // It is done, and wants to run again.
  void again(Instance& instance) {
    policy_->release(instance);
    policy_->wait(instance);
    policy_->grant();
  }
  static bool holds(const Instance& instance) { return RatePolicy::holds(instance); }

  std::unique_ptr<RatePolicy> policy_ = std::make_unique<RatePolicy>(std::vector<ResourceLimit>{});
};

TEST_F(RatePolicyTest, OneAfterTheOtherWhereThereIsOnlyOneOfAResource) {
  Instance& a = add(needs("r", 1));
  Instance& b = add(needs("r", 1));
  EXPECT_TRUE(runs(a));
  EXPECT_FALSE(runs(b));
  end(a);
  EXPECT_TRUE(holds(b));
}

TEST_F(RatePolicyTest, WhatNoLimitNamesIsEnoughForWhoNeedsMost) {
  Instance& a = add(needs("r", 1));
  Instance& b = add(needs("r", 1));
  Instance& c = add(needs("r", 2));
  EXPECT_TRUE(runs(a));
  EXPECT_TRUE(runs(b));
  EXPECT_FALSE(runs(c));
  end(a);
  EXPECT_FALSE(holds(c)) << "it takes all it needs at once";
  end(b);
  EXPECT_TRUE(holds(c));
}

TEST_F(RatePolicyTest, OneThatLeavesTakesItsNeedAlong) {
  Instance& a = add(needs("r", 1));
  Instance& b = add(needs("r", 1));
  policy_->remove(add(needs("r", 2)));
  EXPECT_TRUE(runs(a));
  EXPECT_FALSE(runs(b));
  add(needs("r", 2));
  policy_->grant();
  EXPECT_TRUE(holds(b)) << "there are two again";
}

TEST_F(RatePolicyTest, ALimitHoldsForWhoIsInTime) {
  limit({{.name = "r", .count = 3}});
  Instance& a = add(needs("R", 2));
  Instance& b = add(needs("R", 1));
  Instance& c = add(needs("R", 1));
  EXPECT_TRUE(runs(a));
  EXPECT_TRUE(runs(b));
  EXPECT_FALSE(runs(c));
}

TEST_F(RatePolicyTest, WhoCouldNeverRunIsRefused) {
  limit({{.name = "r", .count = 3}, {.name = "elsewhere", .count = 9, .device = 1}});
  EXPECT_EQ(refusal(needs("r", 3)), "");
  EXPECT_THAT(
      refusal(needs("r", 4)),
      StartsWith("Resource count for \"r\" is limited to 3 which will prevent scheduling of "
                 "one or more model instances, the minimum required count is 4"));
  EXPECT_THAT(refusal(needs("elsewhere", 1)), HasSubstr("limited to 0"));
  policy_->remove(add(needs("elsewhere", 9), 1));
  EXPECT_EQ(refusal(global("elsewhere", 9)), "") << "a device means nothing there";
}

TEST_F(RatePolicyTest, DevicesHaveTheirOwnAndShareWhatIsGlobal) {
  limit({{.name = "r", .count = 1}, {.name = "r", .count = 2, .device = 1}});
  Instance& a0 = add(needs("r", 1), 0);
  Instance& b0 = add(needs("r", 1), 0);
  Instance& a1 = add(needs("r", 1), 1);
  Instance& b1 = add(needs("r", 1), 1);
  EXPECT_TRUE(runs(a0));
  EXPECT_TRUE(runs(a1));
  EXPECT_TRUE(runs(b1));
  EXPECT_FALSE(runs(b0));
  Instance& c0 = add(global("g", 1), 0);
  Instance& c1 = add(global("g", 1), 1);
  EXPECT_TRUE(runs(c0));
  EXPECT_FALSE(runs(c1));
}

TEST_F(RatePolicyTest, AResourceIsGlobalForAllOrForNone) {
  policy_->remove(add(global("gone", 1)));
  EXPECT_EQ(refusal(needs("gone", 1)), "");
  add(needs("r", 1), 1);
  EXPECT_THAT(refusal(global("r", 1)), StartsWith("Resource \"r\" is present as both global and "
                                                  "device-specific resource"));
  InstanceResources both = needs("s", 1);
  both.needs.push_back({.name = "s", .global = true, .count = 1});
  EXPECT_THAT(refusal(both), StartsWith("Resource \"s\" is present as both"));
}

TEST_F(RatePolicyTest, TheTurnsAreSharedByPriority) {
  Instance& first = add(needs("r", 1, 1));
  Instance& second = add(needs("r", 1, 2));
  Instance& fourth = add(needs("r", 1, 4));
  std::map<const Instance*, int> turns;
  for (Instance* instance : {&fourth, &second, &first}) runs(*instance);
  for (int i = 0; i < 70; ++i) {
    for (Instance* instance : {&first, &second, &fourth}) {
      if (!holds(*instance)) continue;
      ++turns[instance];
      again(*instance);
      break;
    }
  }
  EXPECT_NEAR(turns[&first], 40, 1);
  EXPECT_NEAR(turns[&second], 20, 1);
  EXPECT_NEAR(turns[&fourth], 10, 1);
}

TEST_F(RatePolicyTest, WhoComesLateHasNoTurnsToMakeUpFor) {
  Instance& old = add(needs("r", 1));
  runs(old);
  for (int i = 0; i < 1000; ++i) again(old);
  Instance& late = add(needs("r", 1));
  runs(late);
  int turns = 0;
  for (int i = 0; i < 10; ++i) {
    if (holds(late)) ++turns;
    again(holds(late) ? late : old);
  }
  EXPECT_EQ(turns, 5);
}

TEST_F(RatePolicyTest, WhoNeedsMuchIsNotStarvedByThoseWhoNeedLittle) {
  Instance& much = add(needs("r", 2));
  Instance& a = add(needs("r", 1));
  Instance& b = add(needs("r", 1));
  runs(a);
  runs(b);
  EXPECT_FALSE(runs(much));
  again(a);
  EXPECT_FALSE(holds(a)) << "one is kept back";
  end(b);
  EXPECT_TRUE(holds(much));
  end(much);
  EXPECT_TRUE(holds(a));
}

TEST_F(RatePolicyTest, WhatIsNotKeptBackIsThereForOthers) {
  limit({{.name = "r", .count = 1}, {.name = "s", .count = 3}});
  Instance& a = add(needs("r", 1));
  Instance& both = add({.needs = {{.name = "r", .count = 1}, {.name = "s", .count = 2}}});
  Instance& c = add(needs("s", 1));
  Instance& d = add(needs("s", 1));
  runs(a);
  EXPECT_FALSE(runs(both));
  EXPECT_TRUE(runs(c)) << "two are kept back of three";
  EXPECT_FALSE(runs(d));
  end(a);
  EXPECT_TRUE(holds(both));
  end(c);
  EXPECT_TRUE(holds(d));
}

}  // namespace
}  // namespace neso
