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
constexpr size_t kMostTokens = 32768;

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

// N of a name that is `prefix` and then N; 0 when it is not.
size_t length_after(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return 0;
  size_t length = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, length);
  return error == std::errc() && stop == end && length <= kMostTokens ? length : 0;
}

}  // namespace

std::vector<std::string> bench_case_names() {
  return {"len8", "len32", "len128", "len512", "mixed", "single8"};
}

Result<BenchCase> make_bench_case(std::string_view name, const BenchLimits& limits) {
  const size_t single = length_after("single", name);
  const size_t fixed = length_after("len", name);
  if (single == 0 && fixed == 0 && name != "mixed") {
    return invalid_argument(
        "there is no case '{}'; choose from mixed, lenN and singleN, where N is a number of tokens "
        "up to {}",
        name, kMostTokens);
  }
  std::mt19937_64 random(20260101);
  BenchCase workload;
  workload.name = name;
  workload.latency = single > 0;
  if (workload.latency) {
    for (int i = 0; i < 64; ++i)
      append_text(workload.batches.emplace_back(), single, limits, random);
    return workload;
  }
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
