// SPDX-License-Identifier: Apache-2.0
#include "gpu/gpu_metrics.h"

#include <limits>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "gpu/gpu_monitor.h"

namespace neso {
namespace {

// Names and help texts are Triton's (its core's src/metrics.cc).
struct Family {
  std::string_view name;
  std::string_view help;
  MetricKind kind;
  std::optional<double> GpuReading::* value;
};
constexpr Family kFamilies[] = {
    {"nv_gpu_utilization", "GPU utilization rate [0.0 - 1.0)", MetricKind::Gauge,
     &GpuReading::utilization},
    {"nv_gpu_memory_total_bytes", "GPU total memory, in bytes", MetricKind::Gauge,
     &GpuReading::memory_total_bytes},
    {"nv_gpu_memory_used_bytes", "GPU used memory, in bytes", MetricKind::Gauge,
     &GpuReading::memory_used_bytes},
    {"nv_gpu_power_usage", "GPU power usage in watts", MetricKind::Gauge, &GpuReading::power_watts},
    {"nv_gpu_power_limit", "GPU power management limit in watts", MetricKind::Gauge,
     &GpuReading::power_limit_watts},
    {"nv_energy_consumption", "GPU energy consumption in joules since the Triton Server started",
     MetricKind::Counter, &GpuReading::energy_joules},
};

// One thread at a time, as computed series are read.
class GpuReadings {
 public:
  GpuReadings(GpuMonitor monitor, const Clock& clock, int64_t interval_ns)
      : monitor_(std::move(monitor)),
        clock_(clock),
        interval_ns_(interval_ns),
        read_ns_(clock.now_ns()),
        last_(monitor_.read()),
        joules_at_start_(last_.energy_joules.value_or(0)) {
    if (last_.energy_joules) *last_.energy_joules -= joules_at_start_;
  }

  const GpuReading& latest() {
    const int64_t now_ns = clock_.now_ns();
    if (now_ns - read_ns_ < interval_ns_) return last_;
    last_ = monitor_.read();
    if (last_.energy_joules) *last_.energy_joules -= joules_at_start_;
    read_ns_ = now_ns;
    return last_;
  }

 private:
  const GpuMonitor monitor_;
  const Clock& clock_;
  const int64_t interval_ns_;
  int64_t read_ns_;
  GpuReading last_;
  const double joules_at_start_;
};

}  // namespace

std::vector<std::shared_ptr<MetricSeries>> publish_gpu_metrics(MetricRegistry& metrics,
                                                               const Clock& clock,
                                                               int64_t interval_ns,
                                                               const GpuLibraries& libraries) {
  std::vector<std::shared_ptr<MetricSeries>> series;
  const auto gpus = find_gpus(libraries);
  if (!gpus) {
    log_verbose(1, "no metrics of GPUs: {}", gpus.error().message);
    return series;
  }
  for (const GpuDevice& gpu : *gpus) {
    auto monitor = monitor_gpu(gpu, libraries);
    if (!monitor) {
      log_warning(
          "no metrics of GPU {} ({}): {}. Install NVIDIA's libnvidia-ml.so.1 (in a container: "
          "NVIDIA_DRIVER_CAPABILITIES=compute,utility), or start with --allow-gpu-metrics=false",
          gpu.id, gpu.name, monitor.error().message);
      continue;
    }
    log_info("Collecting metrics for GPU {}: {}", gpu.id, gpu.name);
    const MetricLabels labels = {{"gpu_uuid", monitor->uuid}};
    const auto readings = std::make_shared<GpuReadings>(*std::move(monitor), clock, interval_ns);
    for (const auto& [name, help, kind, value] : kFamilies) {
      if (!(readings->latest().*value)) continue;
      series.push_back(metrics.computed(
          name, kind, help,
          [readings, value = value] {
            return (readings->latest().*value).value_or(std::numeric_limits<double>::quiet_NaN());
          },
          labels));
    }
  }
  return series;
}

}  // namespace neso
