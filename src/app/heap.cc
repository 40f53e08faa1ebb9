// SPDX-License-Identifier: Apache-2.0
#include "app/heap.h"

#include <algorithm>
#include <cstddef>

#include "base/cores.h"

#if defined(NESO_TCMALLOC)
#include <gperftools/malloc_extension.h>
#elif defined(__GLIBC__)
#include <malloc.h>
#endif

namespace neso {

#if defined(NESO_TCMALLOC)

void limit_kept_memory() {
  constexpr size_t kBytesOfACore = size_t{4} << 20;
  constexpr size_t kMostBytes = size_t{32} << 20;  // tcmalloc's default
  MallocExtension* const heap = MallocExtension::instance();
  heap->SetNumericProperty("tcmalloc.aggressive_memory_decommit", 1);
  heap->SetNumericProperty("tcmalloc.max_total_thread_cache_bytes",
                           std::min(kMostBytes, kBytesOfACore * usable_cores()));
}

void give_free_memory_back() {
  MallocExtension::instance()->ReleaseFreeMemory();
}

void save_address_space() {}

#elif defined(__GLIBC__)

void limit_kept_memory() {
  constexpr int kLargeBytes = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);  // setting it also ends its growth
}

void give_free_memory_back() {
  malloc_trim(0);
}

void save_address_space() {
  mallopt(M_ARENA_MAX, 2);
}

#else

void limit_kept_memory() {}
void give_free_memory_back() {}
void save_address_space() {}

#endif

}  // namespace neso
