// SPDX-License-Identifier: Apache-2.0
#include "app/bench_roofs.h"

namespace neso {

Result<BenchRoofs> BenchRoofs::measure(const std::vector<BenchEngine>& engines,
                                       const Clock& clock) {
  BenchRoofs roofs;
  for (const BenchEngine& entry : engines) {
    if (entry.isa) roofs.now_[{*entry.isa, entry.threads}] = {};
  }
  NESO_TRY_VOID(roofs.measure_again(clock));
  return roofs;
}

Result<> BenchRoofs::measure_again(const Clock& clock) {
  last_ = now_;
  for (auto& [kind, peak] : now_) {
    NESO_TRY(peak, measure_peak(kind.first, kind.second, clock));
  }
  return {};
}

double BenchRoofs::share(const BenchEngine& entry, const BenchCase& workload,
                         const Architecture& architecture, double round_s) const {
  if (!entry.isa) return 0;
  const Kind kind{*entry.isa, entry.threads};
  const MachinePeak peak = higher(now_.at(kind), last_.at(kind));
  const Precision precision = entry.engine->info().precision;
  double roof_s = 0;
  for (const TokenBatch& batch : workload.batches)
    roof_s += roof_seconds(peak, architecture, precision, batch);
  return roof_s / round_s;
}

}  // namespace neso
