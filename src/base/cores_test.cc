// SPDX-License-Identifier: Apache-2.0
#include "base/cores.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace neso {
namespace {

namespace fs = std::filesystem;

// A tree of control groups in a temporary folder.
class Cgroup : public testing::Test {
 protected:
  Cgroup() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / ("neso_cores_" + std::to_string(getpid()) + "_" + test->name());
    fs::create_directories(folder_);
  }
  ~Cgroup() override { fs::remove_all(folder_); }

  void write(const fs::path& path, const std::string& text) const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  size_t cores() const { return cgroup_cores({folder_ / "membership", folder_ / "fs"}); }

  fs::path folder_;
};

TEST_F(Cgroup, WithoutFilesThereIsNoQuota) {
  EXPECT_EQ(cores(), 0U);
}

TEST_F(Cgroup, V2QuotaIsRoundedUp) {
  write("membership", "0::/box\n");
  write("fs/box/cpu.max", "150000 100000\n");
  EXPECT_EQ(cores(), 2U);
}

TEST_F(Cgroup, V2MaxIsNoQuota) {
  write("membership", "0::/box\n");
  write("fs/box/cpu.max", "max 100000\n");
  EXPECT_EQ(cores(), 0U);
}

TEST_F(Cgroup, SmallestQuotaUpToTheRootCounts) {
  write("membership", "0::/pod/box\n");
  write("fs/pod/box/cpu.max", "800000 100000\n");
  write("fs/pod/cpu.max", "300000 100000\n");
  write("fs/cpu.max", "max 100000\n");
  EXPECT_EQ(cores(), 3U);
}

TEST_F(Cgroup, ContainerThatSeesItsOwnGroupAsRoot) {
  write("membership", "0::/\n");
  write("fs/cpu.max", "50000 100000\n");
  EXPECT_EQ(cores(), 1U);
}

TEST_F(Cgroup, V1QuotaOfTheCpuController) {
  write("membership", "9:name=systemd:/x\n3:cpuacct,cpu:/box\n0::/\n");
  write("fs/cpu/box/cpu.cfs_quota_us", "400000\n");
  write("fs/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores(), 4U);
}

TEST_F(Cgroup, V1WithoutLimit) {
  write("membership", "3:cpu:/box\n");
  write("fs/cpu/box/cpu.cfs_quota_us", "-1\n");
  write("fs/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores(), 0U);
}

TEST_F(Cgroup, NonsenseIsIgnored) {
  write("membership", "garbage\n0::/box\n");
  write("fs/box/cpu.max", "many much\n");
  EXPECT_EQ(cores(), 0U);
}

TEST(UsableCores, IsAtLeastOne) {
  EXPECT_GE(usable_cores(), 1U);
}

}  // namespace
}  // namespace neso
