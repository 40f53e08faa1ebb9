// SPDX-License-Identifier: Apache-2.0
// Our products against oneDNN's: another implementation, at the sizes of real models.
#include <gtest/gtest.h>

#include <cmath>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>
#include <string>
#include <vector>

#include "simd/cpu.h"
#include "simd/kernels.h"
#include "simd/panels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

Floats normal_floats(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution;
  Floats values(count);
  for (float& value : values) value = distribution(generator);
  return values;
}

// out = a b^T + bias, with b [n, k].
Floats onednn_product(size_t rows, size_t k, size_t n, Floats a, Floats b, Floats bias) {
  using dnnl::memory;
  const auto m = static_cast<memory::dim>(rows);
  const auto inputs = static_cast<memory::dim>(k);
  const auto outputs = static_cast<memory::dim>(n);
  const memory::desc a_desc({m, inputs}, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc b_desc({inputs, outputs}, memory::data_type::f32, memory::format_tag::ba);
  const memory::desc bias_desc({1, outputs}, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc out_desc({m, outputs}, memory::data_type::f32, memory::format_tag::ab);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc description(engine, a_desc, b_desc, bias_desc, out_desc);
#else
  const dnnl::matmul::primitive_desc description(
      dnnl::matmul::desc(a_desc, b_desc, bias_desc, out_desc), engine);
#endif
  Floats out(rows * n);
  dnnl::matmul(description)
      .execute(stream, {{DNNL_ARG_SRC, memory(a_desc, engine, a.data())},
                        {DNNL_ARG_WEIGHTS, memory(b_desc, engine, b.data())},
                        {DNNL_ARG_BIAS, memory(bias_desc, engine, bias.data())},
                        {DNNL_ARG_DST, memory(out_desc, engine, out.data())}});
  stream.wait();
  return out;
}

class OneDnnOracle : public testing::TestWithParam<Isa> {};

TEST_P(OneDnnOracle, AgreesOnTheProductsOfRealModels) {
  const KernelTable& kernels = kernel_table(GetParam());
  struct Size {
    size_t rows, k, n;
  };
  for (const auto [rows, k, n] :
       {Size{8, 384, 1152}, Size{37, 384, 1536}, Size{129, 1536, 384}, Size{5, 3072, 768}}) {
    const Floats a = normal_floats(rows * k, 1);
    const Floats b = normal_floats(n * k, 2);
    const Floats bias = normal_floats(n, 3);
    const Floats theirs = onednn_product(rows, k, n, a, b, bias);

    Floats panels(PanelShape{k, n, kernels.panel_width}.size());
    pack_transposed(kernels, PanelShape{k, n, kernels.panel_width}, b.data(), k, panels.data());
    Floats ours(rows * n);
    Product product;
    product.a = a.data();
    product.lda = k;
    product.rows = rows;
    product.b = {Format::F32, panels.data(), k, n};
    product.bias = bias.data();
    product.out = ours.data();
    product.ldo = n;
    kernels.product(product);
    // Both round every one of k additions to sums of size sqrt(k): errors grow like k * 2^-24.
    const double bound = static_cast<double>(k) * 0x1p-22;
    for (size_t i = 0; i < ours.size(); ++i)
      ASSERT_NEAR(ours[i], theirs[i], bound) << rows << " x " << k << " x " << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, OneDnnOracle, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace neso
