// SPDX-License-Identifier: Apache-2.0
#include "base/memory_limit.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace neso {
namespace {

std::optional<uint64_t> physical_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGE_SIZE);
  if (pages <= 0 || page <= 0) return std::nullopt;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
}

std::optional<uint64_t> address_space() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

std::optional<uint64_t> smallest_in_cgroups(const CgroupPaths& paths) {
  std::optional<uint64_t> smallest;
  for (const CgroupFolder& folder : cgroup_folders("memory", paths)) {
    std::ifstream in(folder.path / (folder.v2 ? "memory.max" : "memory.limit_in_bytes"));
    uint64_t bytes = 0;
    if (!(in >> bytes)) continue;  // v2 says "max"
    smallest = std::min(smallest.value_or(UINT64_MAX), bytes);
  }
  return smallest;
}

}  // namespace

MemoryFacts memory_facts(const CgroupPaths& paths) {
  return {.ram = physical_memory(),
          .cgroup = smallest_in_cgroups(paths),
          .address_space = address_space()};
}

MemoryLimit memory_limit(const MemoryFacts& facts) {
  MemoryLimit limit;
  const auto consider = [&](std::optional<uint64_t> bytes, std::string_view source) {
    if (bytes && *bytes < limit.bytes) limit = {.bytes = *bytes, .source = source};
  };
  consider(facts.ram, "the machine's memory");
  // v1 writes "no limit" as a number that no machine's memory reaches.
  consider(facts.cgroup, "the control group's memory limit");
  consider(facts.address_space, "the limit of address space (ulimit -v)");
  return limit;
}

}  // namespace neso
