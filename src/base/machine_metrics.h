// SPDX-License-Identifier: Apache-2.0
// Triton's nv_cpu_* metrics: how busy the whole machine is, out of /proc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"

namespace neso {

// How long the machine's CPUs have worked and been there, in ticks, since it started.
struct CpuTicks {
  uint64_t busy = 0;
  uint64_t total = 0;
};

// Reads `proc`/stat and `proc`/meminfo; what is not there counts as 0.
CpuTicks read_cpu_ticks(const std::filesystem::path& proc);
struct MachineMemory {
  uint64_t total_bytes = 0;
  uint64_t used_bytes = 0;  // what new programs could not have
};
MachineMemory read_machine_memory(const std::filesystem::path& proc);

// The busy share since the reading before, measured anew when that is at least an interval old:
// several readers share one measurement. One thread at a time.
class CpuShare {
 public:
  // `clock` outlives it.
  CpuShare(std::filesystem::path proc, const Clock& clock, int64_t interval_ns);
  double read();

 private:
  const std::filesystem::path proc_;
  const Clock& clock_;
  const int64_t interval_ns_;
  CpuTicks last_;
  int64_t measured_ns_;
  double share_ = 0;
};

// The series of the machine; they are there while the result is held.
std::vector<std::shared_ptr<MetricSeries>> publish_machine_metrics(
    MetricRegistry& metrics, const Clock& clock, int64_t interval_ns,
    const std::filesystem::path& proc = "/proc");

}  // namespace neso
