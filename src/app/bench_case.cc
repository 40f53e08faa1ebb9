// SPDX-License-Identifier: Apache-2.0
#include "app/bench_case.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "base/error.h"

namespace neso {
namespace {

constexpr size_t kTokensPerRound = 8192;
constexpr size_t kMostCalls = 64;  // of a round
constexpr size_t kMostTokens = 32768;
constexpr size_t kMostTexts = kMostTokens / kBenchTokensPerText;

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

// N of a name that is `prefix` and then N, 1 .. most; 0 when it is not.
size_t number_after(std::string_view prefix, std::string_view name, size_t most) {
  if (!name.starts_with(prefix)) return 0;
  size_t number = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, number);
  return error == std::errc() && stop == end && number <= most ? number : 0;
}

// Kind and N of a name, without batches.
Result<BenchCase> parse_name(std::string_view name) {
  struct Form {
    std::string_view prefix;
    BenchKind kind;
    size_t most;
  };
  constexpr Form kForms[] = {{"len", BenchKind::Length, kMostTokens},
                             {"batch", BenchKind::Batch, kMostTexts},
                             {"single", BenchKind::Single, kMostTokens}};
  if (name == "mixed") return BenchCase{"mixed", BenchKind::Mixed, 0, {}};
  for (const Form& form : kForms) {
    if (const size_t n = number_after(form.prefix, name, form.most); n > 0)
      return BenchCase{std::string(name), form.kind, n, {}};
  }
  return invalid_argument(
      "there is no case '{}'; choose from mixed, lenN and singleN, where N is a number of tokens "
      "up to {}, and batchN, where N is a number of texts up to {}",
      name, kMostTokens, kMostTexts);
}

}  // namespace

std::string default_bench_cases() {
  return "len8,len32,len128,len512,mixed,single8";
}

std::string plotted_bench_cases() {
  return "len8,len16,len32,len64,len128,len256,len512,"
         "batch1,batch2,batch4,batch8,batch16,batch32,batch64";
}

Result<BenchCase> make_bench_case(std::string_view name, const BenchLimits& limits) {
  NESO_TRY(BenchCase workload, parse_name(name));
  const BenchKind kind = workload.kind;
  if (kind == BenchKind::Length || kind == BenchKind::Single)
    workload.n = std::min(workload.n, limits.max_tokens);
  const size_t texts = kind == BenchKind::Batch    ? workload.n
                       : kind == BenchKind::Single ? 1
                                                   : kBenchTextsPerCall;
  std::mt19937_64 random(20260101);
  for (size_t tokens = 0; tokens < kTokensPerRound && workload.batches.size() < kMostCalls;) {
    TokenBatch& batch = workload.batches.emplace_back();
    for (size_t i = 0; i < texts; ++i) {
      const size_t length = kind == BenchKind::Mixed   ? mixed_length(random)
                            : kind == BenchKind::Batch ? kBenchTokensPerText
                                                       : workload.n;
      append_text(batch, length, limits, random);
    }
    tokens += batch.tokens();
  }
  return workload;
}

}  // namespace neso
