// SPDX-License-Identifier: Apache-2.0
#include "base/machine_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/temporary_folder.h"

namespace neso {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MachineMetricsTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(proc_.path() / name) << text;
  }
  void ticks(int user, int idle, int iowait) {
    write("stat", "cpu  " + std::to_string(user) + " 0 0 " + std::to_string(idle) + " " +
                      std::to_string(iowait) + " 0 0 0 7 7\ncpu0 9 9 9 9 9 9 9 9 9 9\n");
  }

  TemporaryFolder proc_;
  ManualClock clock_;
  MetricRegistry metrics_;
};

TEST_F(MachineMetricsTest, TheShareIsThatOfTheTimeSinceTheReadingBefore) {
  ticks(100, 100, 0);
  CpuShare share(proc_.path(), clock_, 1000);
  EXPECT_EQ(share.read(), 0);
  ticks(130, 160, 10);
  EXPECT_EQ(share.read(), 0) << "the interval is not over";
  clock_.advance_ns(1000);
  EXPECT_DOUBLE_EQ(share.read(), 0.3);
  ticks(230, 160, 10);
  EXPECT_DOUBLE_EQ(share.read(), 0.3) << "a second reader gets the same measurement";
  clock_.advance_ns(1000);
  EXPECT_DOUBLE_EQ(share.read(), 1);
}

TEST_F(MachineMetricsTest, PublishesTritonsFamiliesWhileHeld) {
  ticks(0, 0, 0);
  write("meminfo",
        "MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  400 kB\nHugePages_Total: 0\n");
  auto held = publish_machine_metrics(metrics_, clock_, 1000, proc_.path());
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_cpu_memory_total_bytes 1024000\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_cpu_memory_used_bytes 614400\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_cpu_utilization 0\n"));
  held.clear();
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("nv_cpu")));
}

TEST_F(MachineMetricsTest, ReadsTheRealMachine) {
  const CpuTicks real = read_cpu_ticks("/proc");
  EXPECT_GT(real.busy, 0U);
  EXPECT_GE(real.total, real.busy);
  const MachineMemory memory = read_machine_memory("/proc");
  EXPECT_GT(memory.used_bytes, 0U);
  EXPECT_GT(memory.total_bytes, memory.used_bytes);
}

}  // namespace
}  // namespace neso
