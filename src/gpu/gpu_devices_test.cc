// SPDX-License-Identifier: Apache-2.0
#include "gpu/gpu_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/gpu_monitor.h"
#include "gpu/test_stand_ins.h"

namespace neso {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

const GpuLibraries kStandIns = stand_ins_in(NESO_STAND_INS);

std::string reason(const GpuLibraries& libraries) {
  const auto gpus = find_gpus(libraries);
  return gpus ? "there are some" : gpus.error().message;
}

TEST(GpuDevices, AreTheOnesThatCudaCounts) {
  const auto gpus = find_gpus(kStandIns);
  ASSERT_TRUE(gpus) << gpus.error().message;
  EXPECT_THAT(*gpus,
              ElementsAre(AllOf(Field(&GpuDevice::id, 0), Field(&GpuDevice::name, "Stand-in A"),
                                Field(&GpuDevice::pci_bus_id, "0000:10:00.0")),
                          AllOf(Field(&GpuDevice::id, 1), Field(&GpuDevice::name, "Stand-in B"),
                                Field(&GpuDevice::pci_bus_id, "0000:11:00.0"))));
}

TEST(GpuDevices, WithoutADriverSayHowToGetIt) {
  EXPECT_THAT(reason({.cuda = "libnowhere.so.1"}),
              AllOf(HasSubstr("driver is not here (libnowhere.so.1: cannot open"),
                    HasSubstr("docker run --gpus all")));
}

TEST(GpuDevices, ADriverWithoutGpusIsNone) {
  StandInVariable gpus("STAND_IN_GPUS", "-1");
  EXPECT_THAT(reason(kStandIns),
              AllOf(HasSubstr("CUDA error 100: no CUDA-capable device is detected"),
                    HasSubstr("nvidia-smi")));
  gpus.set("0");
  EXPECT_THAT(reason(kStandIns), HasSubstr("lists no GPU"));
}

TEST(GpuDevices, AnotherLibraryIsNoDriver) {
  EXPECT_THAT(reason({.cuda = kStandIns.nvml}), HasSubstr("has no function cuInit"));
}

TEST(GpuMonitor, FindsTheDeviceByItsPlaceAndNotByANumber) {
  const auto gpus = find_gpus(kStandIns);
  ASSERT_TRUE(gpus);
  const auto a = monitor_gpu(gpus->front(), kStandIns);
  ASSERT_TRUE(a) << a.error().message;
  EXPECT_EQ(a->uuid, "GPU-aaaa");
  const GpuReading reading = a->read();
  EXPECT_EQ(reading.utilization, 0.25);
  EXPECT_EQ(reading.memory_total_bytes, 1000);
  EXPECT_EQ(reading.memory_used_bytes, 600);
  EXPECT_EQ(reading.power_watts, 120.5);
  EXPECT_EQ(reading.power_limit_watts, 700);
  EXPECT_EQ(reading.energy_joules, 5);
}

TEST(GpuMonitor, LeavesOutWhatADeviceDoesNotTell) {
  const auto b = monitor_gpu({.id = 1, .pci_bus_id = "0000:11:00.0"}, kStandIns);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->read().utilization, 0.5);
  EXPECT_EQ(b->read().power_limit_watts, std::nullopt);
  EXPECT_EQ(b->read().energy_joules, std::nullopt);
}

TEST(GpuMonitor, SaysWhyThereIsNone) {
  const auto nowhere = monitor_gpu({.pci_bus_id = "0000:99:00.0"}, kStandIns);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().message, "NVML error 6: Not Found");
  EXPECT_FALSE(monitor_gpu({}, {.nvml = "libnowhere.so.1"}));
}

}  // namespace
}  // namespace neso
