// SPDX-License-Identifier: Apache-2.0
// When a server that rests gives the memory that its allocator keeps back to the system.
#pragma once

#include <cstdint>

namespace neso {

// Once after work, when that is over. What flows is compared, not requests: a load balancer that
// asks for health every second is no work. One thread at a time.
class IdleTrim {
 public:
  // More than that is work; less of it leaves nothing worth a look at the whole heap.
  static constexpr uint64_t kWorkBytes = uint64_t{1} << 20;

  explicit IdleTrim(int64_t rest_ns) : rest_ns_(rest_ns) {}

  // `flowed_bytes`: MemoryBudget::given_back(). True: for `rest_ns` no work ended, but since the
  // last time that this was said some did. The caller sees to it that none is going on.
  bool due(uint64_t flowed_bytes, int64_t now_ns);

 private:
  const int64_t rest_ns_;
  uint64_t at_rest_bytes_ = 0;  // when it last began to rest
  int64_t at_rest_ns_ = INT64_MIN;
  uint64_t trimmed_bytes_ = 0;  // when memory was last given back
};

}  // namespace neso
