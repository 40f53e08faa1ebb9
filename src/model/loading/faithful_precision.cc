// SPDX-License-Identifier: Apache-2.0
#include "model/loading/faithful_precision.h"

#include <fmt/format.h>

#include <utility>

#include "model/loading/probe_agreement.h"
#include "simd/cpu.h"

namespace neso {
namespace {

Result<ProbeVectors> vectors_of(const Checkpoint& checkpoint,
                                std::shared_ptr<const CpuWeights> weights) {
  NESO_TRY(const auto engine, make_cpu_engine(std::move(weights), {.threads = 1}));
  const EngineInfo& info = engine->info();
  return probe_vectors(*engine, {.vocabulary = info.vocabulary,
                                 .types = info.type_vocabulary,
                                 .max_tokens = info.max_positions,
                                 .pooling = checkpoint.pooling});
}

Result<FaithfulWeights> in_fp32(const Checkpoint& checkpoint, Isa isa, std::string reason) {
  FaithfulWeights exact{.reason = std::move(reason)};
  NESO_TRY(exact.weights, load_cpu_weights(checkpoint, Precision::Fp32, isa));
  return exact;
}

}  // namespace

Result<FaithfulWeights> load_faithful_weights(const Checkpoint& checkpoint, Isa isa,
                                              bool bf16_is_faster) {
  NESO_TRY(FaithfulWeights exact, in_fp32(checkpoint, isa, ""));
  if (!bf16_is_faster) {
    exact.reason = fmt::format("{} multiplies bf16 no faster", to_string(isa));
    return exact;
  }
  NESO_TRY(const ProbeVectors expected, vectors_of(checkpoint, exact.weights));
  exact.weights.reset();  // before there are others: a large model fits once
  FaithfulWeights reduced{.precision = Precision::Bf16};
  NESO_TRY(reduced.weights, load_cpu_weights(checkpoint, Precision::Bf16, isa));
  NESO_TRY(const ProbeVectors vectors, vectors_of(checkpoint, reduced.weights));
  const Result<double> agreement = least_cosine(expected, vectors);
  if (!agreement) {
    reduced.weights.reset();
    return in_fp32(checkpoint, isa, fmt::format("in bf16 {}", agreement.error().message));
  }
  reduced.reason =
      fmt::format("the least cosine of bf16 to fp32 is {:.6f} on {} probes", *agreement, kProbes);
  if (*agreement >= kFaithful) return reduced;
  reduced.reason += fmt::format(", less than {}", kFaithful);
  reduced.weights.reset();
  return in_fp32(checkpoint, isa, reduced.reason);
}

}  // namespace neso
