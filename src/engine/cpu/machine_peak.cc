// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/machine_peak.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/cpu/float_buffer.h"
#include "engine/cpu/worker_team.h"
#include "simd/kernels.h"

namespace neso {
namespace {

constexpr size_t kRounds = 5;
constexpr double kSecondsPerRound = 0.02;
constexpr size_t kReadFloats = size_t{16} << 20;  // per thread: far more than its caches hold

double since(const Clock& clock, int64_t start_ns) {
  return static_cast<double>(clock.now_ns() - start_ns) * 1e-9;
}

// The best rate of work(member), which answers how much it did, on all members at once.
template <class Work>
double best_rate(WorkerTeam& team, const Clock& clock, const Work& work) {
  double best = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    std::vector<double> done(team.members(), 0.0);
    const int64_t start = clock.now_ns();
    team.run([&](size_t member) { done[member] = work(member); });
    const double seconds = since(clock, start);
    double total = 0;
    for (const double part : done) total += part;
    best = std::max(best, total / seconds);
  }
  return best;
}

double multiply_rate(WorkerTeam& team, const Clock& clock, const KernelTable& kernels,
                     Format format) {
  // Small operands: neither infinities nor denormals come of them.
  int32_t seed[32];
  std::fill(std::begin(seed), std::end(seed), 0x01010101);
  const auto run = [&](size_t steps) {
    float sink[kRowPadding];
    return static_cast<double>(kernels.multiply_peak(format, steps, seed, sink));
  };
  size_t steps = 1000;
  for (;;) {
    const int64_t start = clock.now_ns();
    run(steps);
    if (since(clock, start) > kSecondsPerRound) break;
    steps *= 2;
  }
  return 2 * best_rate(team, clock, [&](size_t) { return run(steps); });
}

}  // namespace

MachinePeak higher(const MachinePeak& a, const MachinePeak& b) {
  return {std::max(a.fp32_flops, b.fp32_flops), std::max(a.bf16_flops, b.bf16_flops),
          std::max(a.int8_ops, b.int8_ops), std::max(a.read_bytes, b.read_bytes)};
}

Result<MachinePeak> measure_peak(Isa isa, size_t threads, const Clock& clock) {
  NESO_TRY(const auto team, WorkerTeam::create(threads));
  const KernelTable& kernels = kernel_table(isa);
  MachinePeak peak;
  peak.fp32_flops = multiply_rate(*team, clock, kernels, Format::F32);
  peak.bf16_flops = multiply_rate(*team, clock, kernels, Format::Bf16);
  peak.int8_ops = multiply_rate(*team, clock, kernels, Format::Int8);

  NESO_TRY(FloatBuffer memory,
           FloatBuffer::allocate(kReadFloats * threads, "measuring the memory's speed"));
  std::ranges::fill(memory.span(), 1.0F);
  std::vector<uint64_t> sums(threads);
  peak.read_bytes = best_rate(*team, clock, [&](size_t member) {
    const auto* words =
        reinterpret_cast<const uint64_t*>(memory.span().data()) + member * (kReadFloats / 2);
    uint64_t sum = 0;
    for (size_t i = 0; i < kReadFloats / 2; ++i) sum += words[i];
    sums[member] = sum;
    return static_cast<double>(kReadFloats * sizeof(float));
  });
  // The sums are looked at, so that nobody may leave the reading out.
  if (std::ranges::count(sums, sums.front()) != static_cast<ptrdiff_t>(threads))
    peak.read_bytes = 0;
  return peak;
}

double roof_seconds(const MachinePeak& peak, const Architecture& a, Precision precision,
                    size_t tokens) {
  const auto n = static_cast<double>(tokens);
  const double linear = 2 * n * static_cast<double>(a.layers * a.linear_weights_per_layer());
  const double attention = 4 * n * n * static_cast<double>(a.layers * a.hidden);
  switch (precision) {
    case Precision::Fp32:
      return (linear + attention) / peak.fp32_flops;
    case Precision::Bf16:
      return (linear + attention) / peak.bf16_flops;
    case Precision::Int8:
      return linear / peak.int8_ops + attention / peak.bf16_flops;
  }
  return 0;
}

double roof_seconds(const MachinePeak& peak, const Architecture& architecture, Precision precision,
                    const TokenBatch& batch) {
  double seconds = 0;
  for (size_t i = 0; i < batch.size(); ++i)
    seconds += roof_seconds(peak, architecture, precision, batch.length(i));
  return seconds;
}

}  // namespace neso
