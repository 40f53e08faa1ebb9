// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_timing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "app/bench_case.h"
#include "app/bench_run.h"
#include "base/clock.h"
#include "base/cores.h"
#include "engine/cpu/machine_peak.h"
#include "model/loading/engine_loader.h"
#include "model/loading/model_memory.h"
#include "simd/cpu.h"

namespace neso {
namespace {

constexpr size_t kLongTokens = 128;
constexpr size_t kShortTokens = 8;
constexpr size_t kShortTexts = 16;  // of a round

Result<BenchEngine> open(const PrecisionRow& row, const ModelFiles& files,
                         const ModelConfig& config, const EngineOptions& options) {
  OpenedEngine opened;
  if (row.engine == "cpu") {
    NESO_TRY(const Precision precision, parse_precision(row.precision));
    NESO_TRY(opened, open_own_engine(files, precision, options.isa));
  } else {
    NESO_TRY(opened, open_engine(files, EngineKind::Onnx, config, options));
  }
  NESO_TRY(auto engine, opened.make({.gpu = opened.first_gpu}));
  return BenchEngine{.label = row.engine, .precision = row.precision, .engine = std::move(engine)};
}

// Where neither graph nor folder says what it takes: what every model does.
BenchLimits bench_limits(const EngineInfo& info, const std::optional<Checkpoint>& checkpoint) {
  BenchLimits limits{info.vocabulary, info.max_positions};
  if (checkpoint) {
    if (limits.vocabulary == 0) limits.vocabulary = checkpoint->architecture.vocabulary;
    const size_t most = checkpoint->max_tokens;
    limits.max_tokens = limits.max_tokens == 0 ? most : std::min(limits.max_tokens, most);
  }
  if (limits.vocabulary == 0) limits.vocabulary = 1;
  if (limits.max_tokens == 0) limits.max_tokens = kLongTokens;
  return limits;
}

FactSection machine(Isa isa, const MachinePeak& peak) {
  const auto giga = [](double rate) { return static_cast<uint64_t>(std::llround(rate * 1e-9)); };
  return {"machine",
          {{"isa", std::string(to_string(isa))},
           {"threads", uint64_t{usable_cores()}},
           {"fp32_gflops", giga(peak.fp32_flops), "measured now, at best"},
           {"bf16_gflops", giga(peak.bf16_flops)},
           {"int8_gops", giga(peak.int8_ops)}}};
}

// What only our own engine has.
void add_share_and_memory(PrecisionRow& row, const ModelFiles& files, const MachinePeak& peak,
                          const TokenBatch& batch, double seconds) {
  const auto precision = parse_precision(row.precision);
  if (!precision) return;
  row.roof_share = roof_seconds(peak, files.checkpoint->architecture, *precision, batch) / seconds;
  row.weights_bytes = estimate_memory(files, {.own = true, .precision = *precision}).weights;
}

}  // namespace

Result<> time_engines(const ModelFiles& files, const ModelConfig& config,
                      const ExamOptions& options, DoctorReport& report) {
  NESO_TRY(const Isa isa, choose_isa(options.engine.isa));
  std::vector<BenchEngine> engines;
  for (const PrecisionRow& row : report.rows) {
    NESO_TRY(engines.emplace_back(), open(row, files, config, options.engine));
    if (!engines.back().engine->info().can_encode) return {};
  }
  const BenchLimits limits = bench_limits(engines.front().engine->info(), files.checkpoint);
  report.long_tokens = std::min(kLongTokens, limits.max_tokens);
  report.short_tokens = std::min(kShortTokens, limits.max_tokens);
  NESO_TRY(BenchCase batch, make_bench_case(fmt::format("len{}", report.long_tokens), limits));
  NESO_TRY(BenchCase single, make_bench_case(fmt::format("single{}", report.short_tokens), limits));
  batch.batches.resize(1);  // a large model takes seconds for each
  single.batches.resize(std::min(single.batches.size(), kShortTexts));

  NESO_TRY(const MachinePeak before, measure_peak(isa, usable_cores(), system_clock()));
  const BenchOptions timing{
      .seconds = options.seconds,
      .min_rounds = 2,
      .pooling = files.checkpoint ? files.checkpoint->pooling : PoolingSpec{}};
  NESO_TRY(const auto speeds, run_bench_case(batch, engines, timing, system_clock()));
  NESO_TRY(const auto delays, run_bench_case(single, engines, timing, system_clock()));
  // Shared machines change their speed: the higher peak of before and after is the roof.
  NESO_TRY(const MachinePeak after, measure_peak(isa, usable_cores(), system_clock()));
  const MachinePeak peak = higher(before, after);
  for (size_t i = 0; i < report.rows.size(); ++i) {
    PrecisionRow& row = report.rows[i];
    row.tokens_per_s = speeds[i].tokens_per_s;
    row.short_text_ms = delays[i].ms_p50;
    if (row.engine == "cpu")
      add_share_and_memory(row, files, peak, batch.batches.front(), speeds[i].median_round_s);
  }
  report.sections.push_back(machine(isa, peak));
  return {};
}

}  // namespace neso
