// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/workspace.h"

#include <algorithm>

#include "engine/cpu/attention.h"
#include "engine/cpu/batch_plan.h"
#include "simd/kernels.h"

namespace neso {

Result<> Workspace::reserve(const Architecture& a, const WorkspaceSize& size) {
  if (size.rows <= size_.rows && size.longest <= size_.longest) return {};
  const WorkspaceSize grown{std::max(size.rows, size_.rows), std::max(size.longest, size_.longest)};
  const size_t row = padded(a.hidden);
  const size_t qkv = grown.rows * padded(3 * a.hidden);
  const size_t inner = std::min(grown.rows, kRowBlock) * padded(a.intermediate);
  const size_t attention = Attention::scratch_floats({a.hidden, a.head_size()}, grown.longest);
  memory_ = FloatBuffer();
  size_ = {};
  NESO_TRY(memory_,
           FloatBuffer::allocate(3 * grown.rows * row + qkv + inner + attention, "activations"));
  size_ = grown;
  states_ = memory_.span().data();
  context_ = states_ + grown.rows * row;
  sums_ = context_ + grown.rows * row;
  qkv_ = sums_ + grown.rows * row;
  inner_ = qkv_ + qkv;
  attention_ = memory_.span().last(attention);
  return {};
}

}  // namespace neso
