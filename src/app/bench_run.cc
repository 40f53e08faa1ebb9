// SPDX-License-Identifier: Apache-2.0
#include "app/bench_run.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace neso {
namespace {

// percent of a sorted, non-empty sample: nearest rank.
double percentile(std::vector<double> sample, double percent) {
  std::sort(sample.begin(), sample.end());
  const double rank = std::ceil(percent / 100 * static_cast<double>(sample.size()));
  return sample[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

struct Timings {
  std::vector<double> round_s;
  std::vector<double> call_ms;
};

Result<> run_round(const BenchCase& workload, const PoolingSpec& pooling, BenchEngine& entry,
                   Timings& timings, const Clock& clock) {
  Engine& engine = *entry.engine;
  std::vector<float> out;
  double round_s = 0;
  for (const TokenBatch& batch : workload.batches) {
    out.resize(batch.size() * pooling.width(engine.info().hidden));
    const int64_t start = clock.now_ns();
    NESO_TRY_VOID(engine.encode(batch, pooling, out));
    const double seconds = static_cast<double>(clock.now_ns() - start) * 1e-9;
    timings.call_ms.push_back(seconds * 1e3);
    round_s += seconds;
  }
  timings.round_s.push_back(round_s);
  return {};
}

BenchFigures sum_up(const BenchCase& workload, const Timings& timings, const Timings& last) {
  double tokens = 0;
  double texts = 0;
  for (const TokenBatch& batch : workload.batches) {
    tokens += static_cast<double>(batch.tokens());
    texts += static_cast<double>(batch.size());
  }
  std::vector<double> ratios;
  for (size_t i = 0; i < timings.round_s.size(); ++i)
    ratios.push_back(last.round_s[i] / timings.round_s[i]);
  const double round_s = percentile(timings.round_s, 50);
  BenchFigures figures;
  figures.rounds = timings.round_s.size();
  figures.median_round_s = round_s;
  figures.tokens_per_s = tokens / round_s;
  figures.texts_per_s = texts / round_s;
  figures.ms_p50 = percentile(timings.call_ms, 50);
  figures.ms_p99 = percentile(timings.call_ms, 99);
  figures.ratio = percentile(ratios, 50);
  return figures;
}

// Over the rows of two matrices.
double smallest_cosine(std::span<const float> left, std::span<const float> right, size_t rows) {
  if (left.size() != right.size()) return 0;
  const size_t width = left.size() / rows;
  double smallest = 1;
  for (size_t row = 0; row < rows; ++row) {
    double dot = 0;
    double a = 0;
    double b = 0;
    for (size_t i = row * width; i < (row + 1) * width; ++i) {
      const double x = left[i];
      const double y = right[i];
      dot += x * y;
      a += x * x;
      b += y * y;
    }
    smallest = std::min(smallest, dot / std::sqrt(a * b));
  }
  return smallest;
}

}  // namespace

Result<std::vector<BenchFigures>> run_bench_case(const BenchCase& workload,
                                                 std::vector<BenchEngine>& engines,
                                                 const BenchOptions& options, const Clock& clock) {
  std::vector<Timings> timings(engines.size());
  Timings warm_up;
  for (BenchEngine& entry : engines)
    NESO_TRY_VOID(run_round(workload, options.pooling, entry, warm_up, clock));
  const auto deadline_ns =
      static_cast<int64_t>(options.seconds * 1e9 * static_cast<double>(engines.size()));
  const int64_t start = clock.now_ns();
  for (size_t round = 0; round < options.min_rounds || clock.now_ns() - start < deadline_ns;
       ++round) {
    for (size_t i = 0; i < engines.size(); ++i) {
      NESO_TRY_VOID(run_round(workload, options.pooling, engines[i], timings[i], clock));
    }
  }
  std::vector<BenchFigures> figures;
  for (const Timings& timing : timings) figures.push_back(sum_up(workload, timing, timings.back()));
  return figures;
}

Result<std::vector<double>> agreement(const BenchCase& workload, const PoolingSpec& pooling,
                                      std::vector<BenchEngine>& engines) {
  const TokenBatch& batch = workload.batches.front();
  std::vector<float> first;
  std::vector<double> cosines;
  for (BenchEngine& entry : engines) {
    std::vector<float> out(batch.size() * pooling.width(entry.engine->info().hidden));
    NESO_TRY_VOID(entry.engine->encode(batch, pooling, out));
    if (first.empty()) first = out;
    cosines.push_back(smallest_cosine(first, out, batch.size()));
  }
  return cosines;
}

}  // namespace neso
