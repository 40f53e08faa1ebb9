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

// From now on what requests of megabytes took goes back to the system when they end. By itself the
// C library keeps larger and larger blocks for later, several times what is in use.
void give_large_blocks_back();

// What the C library keeps of freed memory for later goes back to the system now. Takes locks of
// the allocator and some milliseconds: for a process that rests.
void give_free_memory_back();

// For a process whose address space is limited: the C library reserves 64 MB of it for every thread
// that allocates, and what is left would not do for the stacks of the others. To be called before
// there are threads.
void save_address_space();

}  // namespace neso
