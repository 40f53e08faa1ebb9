// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/workspace.h"

#include <algorithm>

#include "engine/cpu/attention.h"
#include "engine/cpu/batch_plan.h"
#include "engine/cpu/cpu_weights.h"
#include "simd/kernels.h"

namespace neso {
namespace {

// Takes parts off one piece of memory, each on a cache line. Without memory it counts.
class Carver {
 public:
  explicit Carver(float* memory) : memory_(memory) {}

  float* floats(size_t count) {
    float* taken = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += padded(count);
    return taken;
  }
  Activations activations(Format format, size_t rows, size_t columns) {
    const size_t ld = padded(columns);
    if (format == Format::F32) return {floats(rows * ld), nullptr, ld};
    return {nullptr, reinterpret_cast<Bf16*>(floats(rows * ld / 2)), ld};
  }
  size_t used() const { return used_; }

 private:
  float* memory_;
  size_t used_ = 0;
};

}  // namespace

Result<> Workspace::reserve(const CpuWeights& weights, const WorkspaceSize& size) {
  if (size.rows <= size_.rows && size.longest <= size_.longest) return {};
  const Architecture& a = weights.architecture;
  const Format format = weights.activations;
  const WorkspaceSize grown{std::max(size.rows, size_.rows), std::max(size.longest, size_.longest)};
  const size_t block = std::min(grown.rows, kRowBlock);
  const size_t attention =
      Attention::scratch_floats({a.hidden, a.head_size(), weights.activations}, grown.longest);
  const auto carve = [&](Carver& carver) {
    states_ = carver.floats(grown.rows * padded(a.hidden));
    sums_ = carver.floats(grown.rows * padded(a.hidden));
    qkv_ = carver.activations(format, grown.rows, 3 * a.hidden);
    context_ = carver.activations(format, grown.rows, a.hidden);
    inner_ = carver.activations(format, block, weights.inner_columns());
    operand_.values = reinterpret_cast<std::byte*>(
        carver.floats(block * padded(std::max(a.hidden, a.intermediate)) / 2));
    static_assert(sizeof(RowScale) == 2 * sizeof(float));
    operand_.scales = reinterpret_cast<RowScale*>(carver.floats(2 * block));
    if (a.position_kind == PositionKind::Rotary) {
      angles_ = reinterpret_cast<const float**>(
          carver.floats(grown.rows * sizeof(const float*) / sizeof(float)));
    }
    attention_ = {carver.floats(attention), attention};
  };
  Carver count(nullptr);
  carve(count);
  memory_ = FloatBuffer();
  size_ = {};
  NESO_TRY(memory_, FloatBuffer::allocate(count.used(), "activations"));
  size_ = grown;
  Carver carver(memory_.span().data());
  carve(carver);
  return {};
}

}  // namespace neso
