// SPDX-License-Identifier: Apache-2.0
#include "model/loading/host_cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/temporary_folder.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HostCoresTest : public ::testing::Test {
 protected:
  HostCoresTest() {
    for (const auto& [node, list] : {std::pair{0, "0-3\n"}, {1, "4-7\n"}, {2, "\n"}}) {
      const auto path = folder_.path() / ("node" + std::to_string(node));
      std::filesystem::create_directories(path);
      std::ofstream(path / "cpulist") << list;
    }
  }

  Result<std::vector<std::vector<int>>> cores(const std::vector<InstanceGroup>& groups,
                                              std::vector<int> gpus = {}) {
    ModelConfig config{.name = "m"};
    config.instance_groups = groups;
    return instance_cores(instance_places(config, gpus), policies_,
                          {.usable = usable_, .nodes = folder_.path()});
  }
  std::string refusal(HostPolicy policy) {
    policies_ = {{"p", std::move(policy)}};
    const auto refused = cores({{.host_policy = "p"}});
    return refused ? "" : refused.error().message;
  }

  TemporaryFolder folder_;
  std::vector<int> usable_ = {0, 1, 2, 3, 5, 6};
  HostPolicies policies_;
};

TEST_F(HostCoresTest, EachInstanceHasThoseOfItsGroup) {
  policies_ = {{"p", {.cpu_cores = "0-1,3"}}, {"q", {.numa_node = "1"}}};
  EXPECT_THAT(
      *cores({{.count = 2, .host_policy = "p"}, {}, {.host_policy = "q"}}),
      ElementsAre(ElementsAre(0, 1, 3), ElementsAre(0, 1, 3), IsEmpty(), ElementsAre(5, 6)));
}

TEST_F(HostCoresTest, AGroupThatNamesNoPolicyHasThatOfItsKind) {
  policies_ = {
      {"cpu", {.cpu_cores = "2"}}, {"model", {.cpu_cores = "3"}}, {"gpu_1", {.cpu_cores = "5"}}};
  EXPECT_THAT(*cores({{.kind = InstanceKind::Gpu, .gpus = {0, 1}}}, {0, 1}),
              ElementsAre(IsEmpty(), ElementsAre(5)));
  EXPECT_THAT(*cores({{}}), ElementsAre(ElementsAre(2)));
  EXPECT_THAT(*cores({{.kind = InstanceKind::Cpu}, {.kind = InstanceKind::Model}}),
              ElementsAre(ElementsAre(2), ElementsAre(3)));
}

TEST_F(HostCoresTest, WithoutAPolicyThereIsNothingToDo) {
  EXPECT_THAT(*cores({{.count = 3}}), IsEmpty());
  EXPECT_THAT(*cores({{.host_policy = "unknown"}}), IsEmpty());
  policies_ = {{"q", {.cpu_cores = "no list"}}};  // and nobody asks for it
  EXPECT_THAT(*cores({{.count = 3}}), IsEmpty());
}

TEST_F(HostCoresTest, WithBothSettingsTheCoresAreThoseThatAreNamed) {
  policies_ = {{"p", {.numa_node = "1", .cpu_cores = "0"}}};
  EXPECT_THAT(*cores({{.host_policy = "p"}}), ElementsAre(ElementsAre(0)));
}

TEST_F(HostCoresTest, RefusesWhatIsNotThere) {
  EXPECT_EQ(refusal({.cpu_cores = "abc"}),
            "host policy setting 'cpu-cores' format is "
            "'<lower_cpu_core_id>-<upper_cpu_core_id>'. Got abc");
  EXPECT_EQ(refusal({.cpu_cores = "3-8"}),
            "host policy 'p': this process has no core 4,7-8, it has 0-3,5-6; name some of these "
            "with --host-policy=p,cpu-cores=FIRST-LAST");
  EXPECT_EQ(refusal({.numa_node = "z"}), "Parsing 'numa-node' value: Can't parse 'z' to integer");
  for (const char* node : {"2", "3", "-1"})
    EXPECT_THAT(refusal({.numa_node = node}), HasSubstr("has no core that this process may use"));
}

}  // namespace
}  // namespace neso
