// SPDX-License-Identifier: Apache-2.0
// Whether a model's runs are so short that handing one to another thread costs as much as the run.
#pragma once

#include <cstdint>

namespace neso {

// One thread at a time.
class RunTimes {
 public:
  // One batch, in the engine.
  void ran(int64_t ns);
  // False until enough have run.
  bool are_short() const;

 private:
  double mean_ns_ = 0;  // of the last ones above all
  int seen_ = 0;
};

}  // namespace neso
