// SPDX-License-Identifier: Apache-2.0
// How much memory this process may have before the system refuses more or ends it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/cgroup.h"

namespace neso {

// In bytes; nullopt: there is no such limit, or the system does not say.
struct MemoryFacts {
  std::optional<uint64_t> ram = {};
  std::optional<uint64_t> cgroup = {};         // the smallest memory.max up to the root
  std::optional<uint64_t> address_space = {};  // RLIMIT_AS
};
MemoryFacts memory_facts(const CgroupPaths& paths = {});

struct MemoryLimit {
  uint64_t bytes = UINT64_MAX;
  std::string_view source = "no limit";  // what the number is, for people
};
// The smallest of the facts.
MemoryLimit memory_limit(const MemoryFacts& facts);

}  // namespace neso
