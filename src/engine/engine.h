// SPDX-License-Identifier: Apache-2.0
// The engine contract. An Engine is one loaded copy of a model on one device; at most one thread
// calls it at a time. Two capabilities, each optional: encode (texts as ragged ids to vectors) and
// run (tensors to tensors, any model).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/pooling_spec.h"
#include "tensor/tensor.h"
#include "tensor/token_batch.h"

namespace neso {

enum class Precision { Fp32, Bf16, Int8 };
std::string_view to_string(Precision precision);  // "fp32", "bf16", "int8"
// Refuses other names with the list.
Result<Precision> parse_precision(std::string_view name);

// An input or output of a model as the graph declares it: -1 for what varies, batch dimension
// included.
struct TensorSpec {
  std::string name;
  DType dtype = DType::Fp32;
  Shape shape;
  bool operator==(const TensorSpec&) const = default;
};

struct EngineInfo {
  std::string name;    // "cpu", "onnx"
  std::string device;  // "CPU", "GPU 0"
  Precision precision = Precision::Fp32;
  bool can_encode = false;
  bool can_run = false;
  size_t hidden = 0;               // width of a token state, when can_encode
  size_t vocabulary = 0;           // ids must be below it; 0: unknown
  size_t max_positions = 0;        // longest sequence; 0: unlimited
  size_t type_vocabulary = 0;      // type ids must be below it; 0: unknown
  std::vector<TensorSpec> inputs;  // when can_run
  std::vector<TensorSpec> outputs;
  std::string kernels;  // the instruction set of our own ones, as --isa names it; else empty
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Constant after load; any thread.
  virtual const EngineInfo& info() const = 0;

  // Pooled, not normalised vectors: out is [batch.size(), pooling.width(hidden)], row-major.
  // Every sequence has 1..max_positions tokens and ids and type ids below the limits of info(): the
  // caller has checked. On our engines a row's bits depend on its own sequence alone.
  virtual Result<> encode(const TokenBatch& batch, const PoolingSpec& pooling,
                          std::span<float> out) = 0;

  // Token states: out is [batch.tokens(), hidden], packed as the batch is.
  virtual Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) = 0;

  // Runs the graph. Inputs in any order, each as TensorSpec says; answers `outputs` in their order
  // (empty: all).
  virtual Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                               std::span<const std::string> outputs) = 0;
};

}  // namespace neso
