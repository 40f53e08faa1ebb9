// SPDX-License-Identifier: Apache-2.0
// The activations of one member of a team: one allocation that grows to the largest chunk seen.
// What it holds between two passes means nothing, and no pass reads what it has not written.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "engine/cpu/activations.h"
#include "engine/cpu/float_buffer.h"
#include "engine/cpu/operand.h"

namespace neso {

class CpuWeights;

struct WorkspaceSize {
  size_t rows = 0;
  size_t longest = 0;  // tokens of a sequence
};

class Workspace {
 public:
  // Makes room. Afterwards the parts below are as large as their comments say; activations are in
  // weights.activations.
  Result<> reserve(const CpuWeights& weights, const WorkspaceSize& size);

  float* states() const { return states_; }           // [rows, padded(hidden)]
  float* sums() const { return sums_; }               // [rows, padded(hidden)]: before a norm
  Activations qkv() const { return qkv_; }            // [rows, padded(3 hidden)]
  Activations context() const { return context_; }    // [rows, padded(hidden)]
  Activations inner() const { return inner_; }        // [block, padded(inner_columns())]
  OperandMemory operand() const { return operand_; }  // [block], of hidden or intermediate columns
  const float** angles() const { return angles_; }    // [rows], of rotary positions; else null
  std::span<float> attention() const { return attention_; }
  size_t longest() const { return size_.longest; }

  // All of it, for tests.
  std::span<float> memory() { return memory_.span(); }

 private:
  WorkspaceSize size_;
  FloatBuffer memory_;
  float* states_ = nullptr;
  float* sums_ = nullptr;
  Activations qkv_;
  Activations context_;
  Activations inner_;
  OperandMemory operand_;
  const float** angles_ = nullptr;
  std::span<float> attention_;
};

}  // namespace neso
