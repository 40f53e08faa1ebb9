// SPDX-License-Identifier: Apache-2.0
// The lines of a `neso bench` run, for people or as JSON (docs/benchmarks.md says how to read
// them).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "app/bench_profile.h"
#include "app/bench_run.h"
#include "engine/cpu/machine_peak.h"

namespace neso {

// One engine in one case.
struct BenchRow {
  std::string case_name;
  const BenchEngine* engine = nullptr;
  BenchFigures figures;
  double roof_share = 0;  // of what this machine's multipliers could do; 0: not our engine
  double cosine = 0;      // see agreement()
  std::vector<OperationShare> profile = {};
};

std::string table_head();
// With a profile, a second line has it.
std::string table_line(const BenchRow& row);
std::string json_line(const BenchRow& row);

std::string table_line(Isa isa, size_t threads, const MachinePeak& peak);
std::string json_line(Isa isa, size_t threads, const MachinePeak& peak);

}  // namespace neso
