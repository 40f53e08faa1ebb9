// SPDX-License-Identifier: Apache-2.0
// Private to this folder: which rows of a ragged batch share a padded run. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace neso {

// max_tokens by measurement on all-MiniLM-L6-v2 with one thread, texts of 128 tokens, by CPU time:
// 4.0k tokens/s in runs of 1024, 3.7k in runs of 2048, 3.1k in runs of 4096 and more. Not measured
// with many threads. run_cost_tokens is an estimate from the same runs (8 to 16).
struct GroupLimits {
  // Padded, of one run; a row longer than that runs alone.
  size_t max_tokens = 1024;
  // What starting a run costs, in tokens: padding up to that is cheaper than a new run.
  size_t run_cost_tokens = 16;
  // Exactly so many rows a run, missing ones filled up; 0: any number.
  size_t rows = 0;
  // No padding at all: only rows of one length share a run.
  bool equal_lengths = false;
};

// Rows by index, longest first; every row is in one group. The grouping has the least cost,
// run_cost_tokens + rows x longest summed over the runs, of all that keep rows in order of length.
// lengths[i] >= 1.
std::vector<std::vector<size_t>> group_rows(std::span<const size_t> lengths,
                                            const GroupLimits& limits);

}  // namespace neso
