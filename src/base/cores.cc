// SPDX-License-Identifier: Apache-2.0
#include "base/cores.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "base/affinity.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

std::optional<double> read_number(const fs::path& file) {
  std::ifstream in(file);
  double value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

// cpu.max: "<quota> <period>", or "max <period>".
std::optional<double> quota_v2(const fs::path& folder) {
  std::ifstream in(folder / "cpu.max");
  double quota = 0;
  double period = 0;
  if (in >> quota >> period && period > 0) return quota / period;
  return std::nullopt;
}

// cpu.cfs_quota_us is -1 without a limit.
std::optional<double> quota_v1(const fs::path& folder) {
  const auto quota = read_number(folder / "cpu.cfs_quota_us");
  const auto period = read_number(folder / "cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) return *quota / *period;
  return std::nullopt;
}

}  // namespace

size_t cgroup_cores(const CgroupPaths& paths) {
  double smallest = INFINITY;
  for (const CgroupFolder& folder : cgroup_folders("cpu", paths)) {
    const auto quota = folder.v2 ? quota_v2(folder.path) : quota_v1(folder.path);
    smallest = std::min(smallest, quota.value_or(INFINITY));
  }
  return std::isinf(smallest) ? 0 : static_cast<size_t>(std::max(1.0, std::ceil(smallest)));
}

size_t machine_cores() {
  return static_cast<size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

size_t usable_cores() {
  size_t allowed = allowed_cores().size();
  if (allowed == 0) allowed = std::thread::hardware_concurrency();
  const size_t quota = cgroup_cores();
  return std::max<size_t>(1, quota == 0 ? allowed : std::min(allowed, quota));
}

}  // namespace neso
