// SPDX-License-Identifier: Apache-2.0
#include "model/loading/instances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace neso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using enum InstanceKind;

constexpr std::array kGpus = {0, 1};

ModelConfig with(std::vector<InstanceGroup> groups) {
  ModelConfig config;
  config.name = "m";
  config.instance_groups = std::move(groups);
  return config;
}

// -1: the CPU.
std::vector<int> places(const std::vector<InstanceGroup>& groups, std::span<const int> gpus) {
  const ModelConfig config = with(groups);
  std::vector<int> ids;
  for (const InstancePlace& place : instance_places(config, gpus))
    ids.push_back(place.gpu.value_or(-1));
  return ids;
}

TEST(Instances, OfAGroupRunOnEachOfItsGpus) {
  EXPECT_THAT(places({{.kind = Gpu, .count = 2, .gpus = {1, 0}}}, kGpus), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(places({{.kind = Cpu, .count = 1}, {.kind = Gpu, .count = 1, .gpus = {1}}}, kGpus),
              ElementsAre(-1, 1));
}

TEST(Instances, WithoutGpusAreAsManyAsTheirCountOnTheCpu) {
  EXPECT_THAT(places({{.kind = Gpu, .count = 2, .gpus = {0, 1}}}, {}), ElementsAre(-1, -1));
  EXPECT_THAT(places({{.kind = Model, .count = 0}}, kGpus), ElementsAre(-1));
}

TEST(Instances, AreAskedWhetherTheyWantAGpu) {
  EXPECT_EQ(gpu_wish(with({})), GpuWish::IfThere);
  EXPECT_EQ(gpu_wish(with({{.kind = Auto}})), GpuWish::IfThere);
  EXPECT_EQ(gpu_wish(with({{.kind = Cpu}})), GpuWish::None);
  EXPECT_EQ(gpu_wish(with({{.kind = Model}})), GpuWish::None);
  EXPECT_EQ(gpu_wish(with({{.kind = Auto}, {.kind = Gpu}})), GpuWish::Asked);
  EXPECT_EQ(gpu_wish(with({{.kind = Auto, .gpus = {0}}})), GpuWish::Asked);
}

TEST(Instances, TheFirstGpuIsTheFirstThatAGroupLists) {
  EXPECT_EQ(*first_gpu(with({}), kGpus), 0);
  EXPECT_EQ(*first_gpu(with({{.kind = Cpu}, {.kind = Gpu, .gpus = {1, 0}}}), kGpus), 1);
  EXPECT_EQ(*first_gpu(with({{.kind = Auto}}), kGpus), 0);
}

TEST(Instances, AGpuThatIsNotThereIsRefused) {
  const auto refused = first_gpu(with({{.name = "g", .kind = Gpu, .gpus = {0, 7}}}), kGpus);
  ASSERT_FALSE(refused);
  EXPECT_THAT(
      refused.error().message,
      HasSubstr("instance group g of model m specifies invalid or unsupported gpu id 7. The "
                "GPUs of this server are: 0, 1"));
}

}  // namespace
}  // namespace neso
