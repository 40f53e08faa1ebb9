// SPDX-License-Identifier: Apache-2.0
#include "base/memory_limit.h"

#include <gtest/gtest.h>

#include "base/temporary_folder.h"

namespace neso {
namespace {

class MemoryLimitTest : public testing::Test {
 protected:
  std::optional<uint64_t> cgroup() const {
    return memory_facts({folder_ / "membership", folder_ / "fs"}).cgroup;
  }
  TemporaryFolder folder_;
};

TEST_F(MemoryLimitTest, WithoutFilesThereIsNoCgroupLimit) {
  EXPECT_EQ(cgroup(), std::nullopt);
}

TEST_F(MemoryLimitTest, TheSmallestV2LimitUpToTheRootCounts) {
  folder_.write("membership", "0::/pod/box\n");
  folder_.write("fs/pod/box/memory.max", "max\n");
  folder_.write("fs/pod/memory.max", "536870912\n");
  folder_.write("fs/memory.max", "1073741824\n");
  EXPECT_EQ(cgroup(), 536870912U);
}

TEST_F(MemoryLimitTest, AV1ContainerSeesItsOwnGroupAsTheRoot) {
  folder_.write("membership", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n");
  folder_.write("fs/memory/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(cgroup(), 268435456U);
}

TEST_F(MemoryLimitTest, TheMachineHasMemory) {
  EXPECT_GT(memory_facts().ram.value_or(0), 0U);
}

TEST(MemoryLimitOf, IsTheSmallestAndSaysWhichItIs) {
  EXPECT_EQ(memory_limit({.ram = 100, .cgroup = 50, .address_space = 70}).bytes, 50U);
  EXPECT_EQ(memory_limit({.ram = 100, .cgroup = 50}).source, "the control group's memory limit");
  EXPECT_EQ(memory_limit({.ram = 100, .address_space = 70}).source,
            "the limit of address space (ulimit -v)");
  EXPECT_EQ(memory_limit({.ram = 100, .cgroup = 9223372036854771712U}).source,
            "the machine's memory");
  EXPECT_EQ(memory_limit({}).bytes, UINT64_MAX);
}

}  // namespace
}  // namespace neso
