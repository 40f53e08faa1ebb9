// SPDX-License-Identifier: Apache-2.0
#include "gpu/gpu_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/test_stand_ins.h"

namespace neso {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const GpuLibraries kStandIns = stand_ins_in(NESO_STAND_INS);
constexpr int64_t kSecondNs = 1'000'000'000;

class GpuMetrics : public testing::Test {
 protected:
  auto publish(const GpuLibraries& libraries = kStandIns) {
    return publish_gpu_metrics(metrics_, clock_, kSecondNs, libraries);
  }

  ManualClock clock_;
  MetricRegistry metrics_;
};

TEST_F(GpuMetrics, HaveTritonsNamesAndUnits) {
  const auto series = publish();
  EXPECT_EQ(metrics_.text(),
            "# HELP nv_energy_consumption GPU energy consumption in joules since the Triton Server "
            "started\n"
            "# TYPE nv_energy_consumption counter\n"
            "nv_energy_consumption{gpu_uuid=\"GPU-aaaa\"} 0\n"
            "# HELP nv_gpu_memory_total_bytes GPU total memory, in bytes\n"
            "# TYPE nv_gpu_memory_total_bytes gauge\n"
            "nv_gpu_memory_total_bytes{gpu_uuid=\"GPU-aaaa\"} 1000\n"
            "nv_gpu_memory_total_bytes{gpu_uuid=\"GPU-bbbb\"} 1000\n"
            "# HELP nv_gpu_memory_used_bytes GPU used memory, in bytes\n"
            "# TYPE nv_gpu_memory_used_bytes gauge\n"
            "nv_gpu_memory_used_bytes{gpu_uuid=\"GPU-aaaa\"} 600\n"
            "nv_gpu_memory_used_bytes{gpu_uuid=\"GPU-bbbb\"} 600\n"
            "# HELP nv_gpu_power_limit GPU power management limit in watts\n"
            "# TYPE nv_gpu_power_limit gauge\n"
            "nv_gpu_power_limit{gpu_uuid=\"GPU-aaaa\"} 700\n"
            "# HELP nv_gpu_power_usage GPU power usage in watts\n"
            "# TYPE nv_gpu_power_usage gauge\n"
            "nv_gpu_power_usage{gpu_uuid=\"GPU-aaaa\"} 120.5\n"
            "nv_gpu_power_usage{gpu_uuid=\"GPU-bbbb\"} 90\n"
            "# HELP nv_gpu_utilization GPU utilization rate [0.0 - 1.0)\n"
            "# TYPE nv_gpu_utilization gauge\n"
            "nv_gpu_utilization{gpu_uuid=\"GPU-aaaa\"} 0.25\n"
            "nv_gpu_utilization{gpu_uuid=\"GPU-bbbb\"} 0.5\n");
}

TEST_F(GpuMetrics, EnergyCountsFromTheStartAndAReadingStandsForTheInterval) {
  StandInVariable used("STAND_IN_MILLIJOULES", "7000");
  const auto series = publish();
  used.set("9500");
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_energy_consumption{gpu_uuid=\"GPU-aaaa\"} 0\n"));
  clock_.advance_ns(kSecondNs);
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_energy_consumption{gpu_uuid=\"GPU-aaaa\"} 2.5\n"));
}

TEST_F(GpuMetrics, OfALostGpuAreUnknown) {
  StandInVariable used("STAND_IN_MILLIJOULES", "7000");
  const auto series = publish();
  used.set("lost");
  clock_.advance_ns(kSecondNs);
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_gpu_utilization{gpu_uuid=\"GPU-aaaa\"} NaN\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr("nv_energy_consumption{gpu_uuid=\"GPU-aaaa\"} NaN\n"));
}

TEST_F(GpuMetrics, AreNotThereWithoutAGpuOrNvml) {
  EXPECT_THAT(publish({.cuda = "libnowhere.so.1"}), IsEmpty());
  EXPECT_THAT(publish({.cuda = kStandIns.cuda, .nvml = "libnowhere.so.1"}), IsEmpty());
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("nv_gpu")));
}

}  // namespace
}  // namespace neso
