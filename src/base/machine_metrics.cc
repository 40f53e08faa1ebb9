// SPDX-License-Identifier: Apache-2.0
// Fields of /proc/stat and /proc/meminfo: proc(5).
#include "base/machine_metrics.h"

#include <array>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

namespace neso {

CpuTicks read_cpu_ticks(const std::filesystem::path& proc) {
  std::ifstream stat(proc / "stat");
  std::string name;
  stat >> name;
  // user nice system idle iowait irq softirq steal; guests are counted in user already.
  std::array<uint64_t, 8> ticks{};
  for (uint64_t& value : ticks) stat >> value;
  CpuTicks read;
  for (const uint64_t value : ticks) read.total += value;
  read.busy = read.total - ticks[3] - ticks[4];
  return read;
}

MachineMemory read_machine_memory(const std::filesystem::path& proc) {
  std::ifstream file(proc / "meminfo");
  uint64_t total_kb = 0;
  uint64_t available_kb = 0;
  std::string name;
  uint64_t kb = 0;
  while (file >> name >> kb) {
    if (name == "MemTotal:") total_kb = kb;
    if (name == "MemAvailable:") available_kb = kb;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return {.total_bytes = total_kb * 1024, .used_bytes = (total_kb - available_kb) * 1024};
}

CpuShare::CpuShare(std::filesystem::path proc, const Clock& clock, int64_t interval_ns)
    : proc_(std::move(proc)),
      clock_(clock),
      interval_ns_(interval_ns),
      last_(read_cpu_ticks(proc_)),
      measured_ns_(clock.now_ns()) {}

double CpuShare::read() {
  const int64_t now_ns = clock_.now_ns();
  if (now_ns - measured_ns_ < interval_ns_) return share_;
  const CpuTicks ticks = read_cpu_ticks(proc_);
  // The kernel's counters may step back a little.
  if (ticks.total > last_.total && ticks.busy >= last_.busy) {
    share_ = static_cast<double>(ticks.busy - last_.busy) /
             static_cast<double>(ticks.total - last_.total);
  }
  last_ = ticks;
  measured_ns_ = now_ns;
  return share_;
}

std::vector<std::shared_ptr<MetricSeries>> publish_machine_metrics(
    MetricRegistry& metrics, const Clock& clock, int64_t interval_ns,
    const std::filesystem::path& proc) {
  const auto gauge = [&](std::string_view family, std::string_view help,
                         std::function<double()> value) {
    return metrics.computed(family, MetricKind::Gauge, help, std::move(value));
  };
  auto share = std::make_shared<CpuShare>(proc, clock, interval_ns);
  return {gauge("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]",
                [share] { return share->read(); }),
          gauge("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes",
                [proc] { return static_cast<double>(read_machine_memory(proc).total_bytes); }),
          gauge("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes",
                [proc] { return static_cast<double>(read_machine_memory(proc).used_bytes); })};
}

}  // namespace neso
