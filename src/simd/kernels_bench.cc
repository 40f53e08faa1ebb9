// SPDX-License-Identifier: Apache-2.0
// Micro-benchmarks: every kernel in every instruction set that this machine has, on the shapes of
// MiniLM (hidden 384) and BERT-base (768), one thread. Operands are the same in every iteration, so
// they come from the nearest cache that holds them. `./dev bench kernels` builds and runs it; names
// are kernel/instruction set/what it works on, for --benchmark_filter.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "simd/cpu.h"
#include "simd/kernels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

using benchmark::Counter;
using benchmark::State;

constexpr std::array<size_t, 5> kRowCounts = {1, 6, 8, 32, 128};
constexpr std::array<size_t, 2> kHiddenSizes = {384, 768};
constexpr size_t kRows = 32;  // of kernels whose speed does not depend on it

std::string_view name_of(Format format) {
  return format == Format::F32 ? "fp32" : format == Format::Bf16 ? "bf16" : "int8";
}

// So much per iteration, shown as a rate.
void report(State& state, const char* what, size_t per_iteration) {
  state.counters[what] =
      Counter(static_cast<double>(per_iteration), Counter::kIsIterationInvariantRate);
}

template <class Body>
void add(std::string_view kernel, const KernelTable& kernels, std::string_view shape, Body body) {
  const std::string name = fmt::format("{}/{}/{}", kernel, to_string(kernels.isa), shape);
  benchmark::RegisterBenchmark(name.c_str(),
                               [&kernels, body](State& state) { body(state, kernels); });
}

// ---- products: a linear layer's k inputs and n outputs

struct Linear {
  std::string_view name;
  size_t k;
  size_t n;
};

void run_product(State& state, const KernelTable& kernels, const TestProduct& operands,
                 const Product& product) {
  for (auto _ : state) {
    kernels.product(product);
    benchmark::ClobberMemory();
  }
  report(state, "FLOP", 2 * operands.rows * operands.k * operands.n);
}

void add_products(const KernelTable& kernels) {
  for (const size_t h : kHiddenSizes) {
    const Linear linears[] = {
        {"qkv", h, 3 * h}, {"out", h, h}, {"up", h, 4 * h}, {"down", 4 * h, h}};
    for (const Linear& linear : linears) {
      for (const Format format : {Format::F32, Format::Bf16, Format::Int8}) {
        for (const size_t rows : kRowCounts) {
          const std::string shape =
              fmt::format("{}/{}{}/rows:{}", name_of(format), linear.name, h, rows);
          add("product", kernels, shape, [=](State& state, const KernelTable& table) {
            TestProduct operands(table, format, rows, linear.k, linear.n);
            run_product(state, table, operands, operands.product());
          });
        }
      }
    }
  }
}

// Products of k = 1, where little is done but the epilogue.
void add_epilogues(const KernelTable& kernels) {
  constexpr struct {
    std::string_view name;
    Epilogue epilogue;
  } kEpilogues[] = {{"none", Epilogue::None}, {"gelu_erf", Epilogue::GeluErf}};
  for (const auto& [name, epilogue] : kEpilogues) {
    for (const size_t h : kHiddenSizes) {
      add("epilogue", kernels, fmt::format("{}/n:{}", name, 4 * h),
          [epilogue = epilogue, h](State& state, const KernelTable& table) {
            TestProduct operands(table, Format::F32, kRows, 1, 4 * h);
            Product product = operands.product();
            product.epilogue = epilogue;
            for (auto _ : state) {
              table.product(product);
              benchmark::ClobberMemory();
            }
            report(state, "values", kRows * 4 * h);
          });
    }
  }
}

// ---- kernels over rows

// In place its own results become its scores: values in 0 .. 1 all the same.
void bench_softmax(State& state, const KernelTable& kernels, Format format, size_t n) {
  Floats x = random_floats(kRows * n, 1);
  std::vector<Bf16> out(2 * kRows * n);
  Floats inverse_sums(kRows);
  Softmax softmax;
  softmax.x = x.data();
  softmax.out_bf16 = format == Format::Bf16 ? out.data() : nullptr;
  softmax.ld = n;
  softmax.rows = kRows;
  softmax.n = n;
  softmax.factor = 0.125F;
  softmax.inverse_sums = inverse_sums.data();
  for (auto _ : state) {
    kernels.softmax(softmax);
    benchmark::ClobberMemory();
  }
  report(state, "values", kRows * n);
}

void bench_layer_norm(State& state, const KernelTable& kernels, size_t n) {
  const Floats in = random_floats(kRows * n, 1);
  const Floats scale = random_floats(n, 2);
  const Floats shift = random_floats(n, 3);
  Floats out(kRows * n);
  const LayerNorm norm{in.data(), out.data(), n, kRows, n, scale.data(), shift.data(), 1e-12F};
  for (auto _ : state) {
    kernels.layer_norm(norm);
    benchmark::ClobberMemory();
  }
  report(state, "values", kRows * n);
}

void bench_convert(State& state, const KernelTable& kernels, Format format, size_t n) {
  const Floats in = random_floats(kRows * n, 1);
  std::vector<Bf16> bf16(kRows * n);
  std::vector<uint8_t> int8(kRows * n);
  std::vector<RowScale> scales(kRows);
  Convert convert;
  convert.in = in.data();
  convert.ldi = convert.ldo = convert.n = n;
  convert.rows = kRows;
  convert.out_bf16 = format == Format::Bf16 ? bf16.data() : nullptr;
  convert.out_int8 = format == Format::Int8 ? int8.data() : nullptr;
  convert.scales = scales.data();
  for (auto _ : state) {
    kernels.convert(convert);
    benchmark::ClobberMemory();
  }
  report(state, "values", kRows * n);
}

void bench_rotate(State& state, const KernelTable& kernels, size_t hidden) {
  constexpr size_t kHeadSize = 64;
  constexpr size_t kHalf = kHeadSize / 2;
  // Turning keeps lengths: values stay finite however often it happens.
  Floats angles(2 * kHalf);
  for (size_t i = 0; i < kHalf; ++i) {
    angles[i] = std::cos(0.05F * static_cast<float>(i));
    angles[kHalf + i] = std::sin(0.05F * static_cast<float>(i));
  }
  Floats x = random_floats(kRows * hidden, 1);
  const std::vector<const float*> rows(kRows, angles.data());
  Rotate rotate;
  rotate.x = x.data();
  rotate.ld = hidden;
  rotate.rows = kRows;
  rotate.heads = hidden / kHeadSize;
  rotate.head_size = kHeadSize;
  rotate.angles = rows.data();
  for (auto _ : state) {
    kernels.rotate(rotate);
    benchmark::ClobberMemory();
  }
  report(state, "values", kRows * hidden);
}

// ---- packing of keys and values: a sequence's tokens of one head of 32

constexpr size_t kPackedHeadSize = 32;

void bench_transpose(State& state, const KernelTable& kernels, size_t tokens) {
  const Floats in = random_floats(tokens * kPackedHeadSize, 1);
  Floats out(in.size());
  const Transpose transpose{in.data(),  kPackedHeadSize, tokens, kPackedHeadSize,
                            out.data(), tokens,          tokens};
  for (auto _ : state) {
    kernels.transpose(transpose);
    benchmark::ClobberMemory();
  }
  report(state, "values", in.size());
}

void bench_pair_rows(State& state, const KernelTable& kernels, size_t tokens) {
  const std::vector<Bf16> in(tokens * kPackedHeadSize, Bf16{0x3F80});
  std::vector<uint32_t> out(in.size() / 2);
  const PairRows pair{in.data(),  kPackedHeadSize, tokens,         kPackedHeadSize,
                      out.data(), kPackedHeadSize, kPackedHeadSize};
  for (auto _ : state) {
    kernels.pair_rows(pair);
    benchmark::ClobberMemory();
  }
  report(state, "values", in.size());
}

void add_row_kernels(const KernelTable& kernels) {
  for (const size_t n : {128U, 512U}) {
    const std::string tokens = fmt::format("tokens:{}", n);
    for (const Format format : {Format::F32, Format::Bf16}) {
      add("softmax", kernels, fmt::format("{}/{}", name_of(format), tokens),
          [=](State& s, const KernelTable& t) { bench_softmax(s, t, format, n); });
    }
    add("transpose", kernels, tokens,
        [n](State& s, const KernelTable& t) { bench_transpose(s, t, n); });
    add("pair_rows", kernels, tokens,
        [n](State& s, const KernelTable& t) { bench_pair_rows(s, t, n); });
  }
  for (const size_t h : kHiddenSizes) {
    const std::string hidden = fmt::format("n:{}", h);
    add("layer_norm", kernels, hidden,
        [h](State& s, const KernelTable& t) { bench_layer_norm(s, t, h); });
    add("rotate", kernels, hidden, [h](State& s, const KernelTable& t) { bench_rotate(s, t, h); });
    for (const Format format : {Format::Bf16, Format::Int8}) {
      add("convert", kernels, fmt::format("{}/{}", name_of(format), hidden),
          [=](State& s, const KernelTable& t) { bench_convert(s, t, format, h); });
    }
  }
}

}  // namespace
}  // namespace neso

int main(int argc, char** argv) {
  for (const neso::Isa isa : neso::supported_isas()) {
    const neso::KernelTable& kernels = neso::kernel_table(isa);
    neso::add_products(kernels);
    neso::add_epilogues(kernels);
    neso::add_row_kernels(kernels);
  }
  // There are hundreds: half a second each, the library's default, would take too long. A flag of
  // the caller's comes later and wins.
  std::string least_time = "--benchmark_min_time=0.05";
  std::vector<char*> words(argv, argv + argc);
  words.insert(words.begin() + 1, least_time.data());
  int count = static_cast<int>(words.size());
  benchmark::Initialize(&count, words.data());
  if (benchmark::ReportUnrecognizedArguments(count, words.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
