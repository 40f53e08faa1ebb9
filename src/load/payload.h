// SPDX-License-Identifier: Apache-2.0
// What requests carry: texts and tensors, made from a seed, so that two runs send the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/tensor.h"

namespace neso::load {

struct PayloadOptions {
  std::string model;
  size_t rows = 1;  // per request: texts, or the size of the batch dimension
  bool binary = false;
  size_t tokens = 32;                        // of a text that is made, and of a row of token ids
  size_t vocabulary = 30000;                 // token ids are below
  std::vector<std::string> texts = {};       // to be sent, in turn; empty: made of words
  std::string text_input = {};               // triton: send texts as this BYTES input alone
  std::map<std::string, Shape> shapes = {};  // triton: in place of what metadata leaves open
  uint64_t seed = 1;
};

// The texts of --texts in turn, or common English words, most of which are one token each.
class TextSource {
 public:
  explicit TextSource(const PayloadOptions& options);
  std::string next();
  std::vector<std::string> next(size_t count);

 private:
  const std::vector<std::string> texts_;
  const size_t tokens_;
  size_t next_ = 0;
  std::mt19937_64 random_;
};

// What a server says of an input.
struct InputSpec {
  std::string name;
  DType dtype = DType::Fp32;
  Shape shape;  // with the batch dimension, -1 where it is open
};

// Makes the tensors of one request after another.
class TensorSource {
 public:
  // `batches`: the first dimension of every input is the batch. InvalidArgument when an open
  // dimension has no size from --shape, a name of --shape is no input, or rows do not fit.
  static Result<TensorSource> make(std::vector<InputSpec> inputs, bool batches,
                                   const PayloadOptions& options);
  std::vector<NamedTensor> next();

 private:
  TensorSource(std::vector<InputSpec> inputs, const PayloadOptions& options);
  NamedTensor tensor(const InputSpec& input);

  std::vector<InputSpec> inputs_;  // without an open dimension
  const uint64_t vocabulary_;
  TextSource texts_;
  std::mt19937_64 random_;
};

}  // namespace neso::load
