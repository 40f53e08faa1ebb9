// SPDX-License-Identifier: Apache-2.0
// A line on standard error that shows how far a long command is; only on a terminal. One thread.
#pragma once

#include <cstdint>
#include <cstdio>

#include "base/clock.h"

namespace neso {

class Progress {
 public:
  // total_bytes 0: unknown. Silent unless `out` is a terminal.
  Progress(std::FILE* out, uint64_t total_bytes, const Clock& clock);
  // Redraws at most ten times a second.
  void update(uint64_t texts, uint64_t tokens, uint64_t bytes);
  // Leaves the last line standing.
  void finish(uint64_t texts, uint64_t tokens);

 private:
  void draw(uint64_t texts, uint64_t tokens, double share);
  std::FILE* out_;
  bool active_;
  uint64_t total_bytes_;
  const Clock& clock_;
  int64_t start_ns_;
  int64_t drawn_ns_ = 0;
};

}  // namespace neso
