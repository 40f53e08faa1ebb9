// SPDX-License-Identifier: Apache-2.0
#include "app/bench_case.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "base/error.h"

namespace neso {
namespace {

constexpr size_t kTextsPerBatch = 32;
constexpr size_t kTokensPerRound = 8192;

// Box-Muller by hand: the standard library's distributions differ between implementations.
double normal(std::mt19937_64& random) {
  const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1.0p-53; };
  return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
}

size_t mixed_length(std::mt19937_64& random) {
  const double length = std::exp(3.95 + 0.7 * normal(random));
  return static_cast<size_t>(std::clamp(length, 4.0, 256.0));
}

void append_text(TokenBatch& batch, size_t length, const BenchLimits& limits,
                 std::mt19937_64& random) {
  std::vector<int32_t> ids(std::clamp<size_t>(length, 1, limits.max_tokens));
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % limits.vocabulary);
  batch.append(ids);
}

}  // namespace

std::vector<std::string> bench_case_names() {
  return {"len8", "len32", "len128", "len512", "mixed", "single8"};
}

Result<BenchCase> make_bench_case(std::string_view name, const BenchLimits& limits) {
  const auto names = bench_case_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return invalid_argument("there is no case '{}'; choose from {}", name, fmt::join(names, ", "));
  }
  std::mt19937_64 random(20260101);
  BenchCase workload;
  workload.name = name;
  workload.latency = name == "single8";
  if (workload.latency) {
    for (int i = 0; i < 64; ++i) append_text(workload.batches.emplace_back(), 8, limits, random);
    return workload;
  }
  size_t fixed = 0;
  if (name.starts_with("len")) std::from_chars(name.data() + 3, name.data() + name.size(), fixed);
  for (size_t tokens = 0; tokens < kTokensPerRound;) {
    TokenBatch& batch = workload.batches.emplace_back();
    for (size_t i = 0; i < kTextsPerBatch; ++i) {
      append_text(batch, fixed > 0 ? fixed : mixed_length(random), limits, random);
    }
    tokens += batch.tokens();
  }
  return workload;
}

}  // namespace neso
