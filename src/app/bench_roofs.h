// SPDX-License-Identifier: Apache-2.0
// What the machine could do at best with the instruction sets and threads of a run's engines.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "app/bench_run.h"
#include "checkpoint/architecture.h"
#include "engine/cpu/machine_peak.h"

namespace neso {

class BenchRoofs {
 public:
  using Kind = std::pair<Isa, size_t>;  // with so many threads

  // Measures a peak for each kind that occurs among our engines.
  static Result<BenchRoofs> measure(const std::vector<BenchEngine>& engines, const Clock& clock);

  // Measures again. Shared machines change their speed: until the next call the roof is the higher
  // peak of now and the last time.
  Result<> measure_again(const Clock& clock);

  const std::map<Kind, MachinePeak>& peaks() const { return now_; }

  // The share of its roof that an engine reached in rounds of round_s; 0: not one of ours.
  double share(const BenchEngine& entry, const BenchCase& workload,
               const Architecture& architecture, double round_s) const;

 private:
  std::map<Kind, MachinePeak> now_;
  std::map<Kind, MachinePeak> last_;
};

}  // namespace neso
