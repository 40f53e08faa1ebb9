// SPDX-License-Identifier: Apache-2.0
// Private to this folder: which rows of a ragged batch share a padded run. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace neso {

struct GroupLimits {
  size_t max_tokens = 8192;  // padded, of one run; a row longer than that runs alone
  size_t run_cost_tokens =
      32;  // what starting a run costs, in tokens: padding up to that is cheaper than a new run
  size_t rows = 0;             // exactly so many rows a run, missing ones filled up; 0: any number
  bool equal_lengths = false;  // no padding at all: only rows of one length share a run
};

// Rows by index, longest first; every row is in one group. The grouping has the least cost,
// run_cost_tokens + rows x longest summed over the runs, of all that keep rows in order of length.
// lengths[i] >= 1.
std::vector<std::vector<size_t>> group_rows(std::span<const size_t> lengths,
                                            const GroupLimits& limits);

}  // namespace neso
