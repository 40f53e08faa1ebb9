// SPDX-License-Identifier: Apache-2.0
#include "base/idle_trim.h"

namespace neso {

bool IdleTrim::due(uint64_t flowed_bytes, int64_t now_ns) {
  if (at_rest_ns_ == INT64_MIN || flowed_bytes - at_rest_bytes_ >= kWorkBytes) {
    at_rest_bytes_ = flowed_bytes;
    at_rest_ns_ = now_ns;
    return false;
  }
  if (now_ns - at_rest_ns_ < rest_ns_) return false;
  at_rest_bytes_ = flowed_bytes;  // what little flows must not add up to work
  at_rest_ns_ = now_ns;
  if (flowed_bytes - trimmed_bytes_ < kWorkBytes) return false;
  trimmed_bytes_ = flowed_bytes;
  return true;
}

}  // namespace neso
