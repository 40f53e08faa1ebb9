// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

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

// "<id>:<controllers>:<path>"; v2 has id 0 and no controllers.
struct Membership {
  std::string controllers;
  fs::path path;
};

std::optional<Membership> parse_membership(const std::string& line) {
  const size_t first = line.find(':');
  const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
  if (second == std::string::npos) return std::nullopt;
  return Membership{line.substr(first + 1, second - first - 1),
                    fs::path(line.substr(second + 1)).relative_path()};
}

bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers =
        comma == std::string_view::npos ? std::string_view() : controllers.substr(comma + 1);
  }
  return false;
}

// A group's limit binds all below it, so the smallest on the way up to the root counts.
double smallest_quota(const fs::path& root, fs::path group,
                      std::optional<double> (*quota)(const fs::path&)) {
  double smallest = INFINITY;
  for (;;) {
    smallest = std::min(smallest, quota(root / group).value_or(INFINITY));
    if (group.empty()) return smallest;
    group = group.parent_path();
  }
}

}  // namespace

size_t cgroup_cores(const CgroupPaths& paths) {
  std::ifstream in(paths.membership);
  double smallest = INFINITY;
  for (std::string line; std::getline(in, line);) {
    const auto membership = parse_membership(line);
    if (!membership) continue;
    if (membership->controllers.empty()) {
      smallest = std::min(smallest, smallest_quota(paths.root, membership->path, quota_v2));
    } else if (lists_cpu(membership->controllers)) {
      smallest = std::min(smallest, smallest_quota(paths.root / "cpu", membership->path, quota_v1));
    }
  }
  return std::isinf(smallest) ? 0 : static_cast<size_t>(std::max(1.0, std::ceil(smallest)));
}

size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // It fails on machines with more CPUs than cpu_set_t has bits.
  const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
  const size_t allowed =
      known ? static_cast<size_t>(CPU_COUNT(&set)) : std::thread::hardware_concurrency();
  const size_t quota = cgroup_cores();
  return std::max<size_t>(1, quota == 0 ? allowed : std::min(allowed, quota));
}

}  // namespace neso
