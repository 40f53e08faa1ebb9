// SPDX-License-Identifier: Apache-2.0
// What goes through Service's door: plain data, the same for every dialect.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/memory_budget.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "request/shared_memory.h"
#include "scheduling/model_statistics.h"
#include "tensor/tensor.h"
#include "trace/trace.h"

namespace neso {

// Names a sequence of requests; 0 and the empty text name none.
using CorrelationId = std::variant<uint64_t, std::string>;

// Where a request stands in its sequence.
struct SequenceStep {
  CorrelationId id = uint64_t{0};
  bool start = false;
  bool end = false;
};
// Who asks, and until when he waits for the answer.
struct Caller {
  uint64_t client = 0;                      // clients take turns at a model; 0: not known
  std::optional<int64_t> deadline_ns = {};  // on the server's clock; what cannot meet it is refused
};
// The same number for the same connection, never 0.
inline uint64_t client_of(std::string_view peer) {
  return std::max<uint64_t>(1, std::hash<std::string_view>{}(peer));
}

// Tensors in, tensors out: KServe's ModelInfer for any model. A model with a tokenizer also takes
// an input `text`.
struct InferRequest {
  // An output that is answered as its `count` largest values, "value:index[:label]" each.
  struct Classification {
    std::string output;
    uint64_t count = 0;
  };
  // inputs[index] has type and shape; its bytes are still in a client's memory.
  struct SharedInput {
    size_t index = 0;
    SharedSlice slice;
  };
  // An output whose bytes go into a client's memory, and not into the response.
  struct SharedOutput {
    std::string output;
    SharedSlice slice;
  };

  std::string model;
  std::optional<int64_t> version;  // empty: what the version policy makes the default
  std::string id;                  // echoed
  std::vector<NamedTensor> inputs;
  bool raw = false;  // `inputs` is one tensor of bytes; the config tells its name, type and shape
  std::vector<std::string> outputs;  // empty: all the model's
  std::vector<Classification> classifications = {};
  std::vector<SharedInput> shared_inputs = {};
  std::vector<SharedOutput> shared_outputs = {};
  SequenceStep sequence = {};
  uint64_t priority = 0;    // 1 is the highest; 0: the model's default
  uint64_t timeout_us = 0;  // in the queue, if its policy allows; 0: none
  Caller caller = {};
  std::shared_ptr<const std::atomic<bool>> gone;  // the client left; may be null
  std::shared_ptr<MemoryShare> memory = {};       // Service's: what the request holds; may be null
  ThreadPool* helpers = nullptr;                  // Service's: for long work; may be null
  std::shared_ptr<Trace> trace = {};              // null: not sampled
};

// What may have to be tokenized, at most: the elements of any length, those that lie in a client's
// memory too, and an allowance for the prompt before each.
inline uint64_t text_bytes(const InferRequest& request) {
  constexpr uint64_t kPromptBytes = 64;
  uint64_t bytes = 0;
  for (const NamedTensor& input : request.inputs) {
    // A raw one's type is the model's to tell.
    if (input.tensor.dtype() != DType::Bytes && !request.raw) continue;
    const auto texts = static_cast<uint64_t>(element_count(input.tensor.shape()).value_or(0));
    bytes += input.tensor.bytes().size() + texts * kPromptBytes;
  }
  for (const auto& [index, slice] : request.shared_inputs) {
    if (request.inputs[index].tensor.dtype() == DType::Bytes) bytes += slice.byte_size;
  }
  return bytes;
}

// What is copied out of and into clients' memory.
inline uint64_t shared_bytes(const InferRequest& request) {
  uint64_t bytes = 0;
  for (const auto& input : request.shared_inputs) bytes += input.slice.byte_size;
  for (const auto& output : request.shared_outputs) bytes += output.slice.byte_size;
  return bytes;
}

using ResponseParameter = std::variant<bool, int64_t, double, std::string>;

struct InferResponse {
  std::string model;
  int64_t version = 0;
  std::string id;
  std::vector<std::pair<std::string, ResponseParameter>> parameters = {};
  std::vector<NamedTensor> outputs;  // those of shared_outputs without bytes
};

// Texts in, vectors out.
struct EmbedRequest {
  std::string model;
  std::optional<int64_t> version;
  std::vector<std::string> texts;
  std::optional<std::string> prompt_name;  // of the model's prompts; empty: its default
  size_t dimensions = 0;                   // 0: all
  std::optional<bool> normalize;           // empty: as the model folder says
  bool truncate = true;                    // false: a text over the limit fails, alone
  Caller caller = {};
  std::shared_ptr<const std::atomic<bool>> gone;
  std::shared_ptr<MemoryShare> memory = {};  // as InferRequest's
  ThreadPool* helpers = nullptr;
};

struct Embedding {
  std::vector<float> values;
  size_t tokens = 0;           // that were run
  size_t original_tokens = 0;  // that the text has; at least, when it is very long
  bool truncated = false;
};

struct EmbedResponse {
  std::string model;
  int64_t version = 0;
  std::vector<Result<Embedding>> items;  // in the order of the texts; one bad text fails alone
};

struct TensorMetadata {
  std::string name;
  DType dtype = DType::Fp32;
  Shape shape;  // with -1 in front when the model batches
};

struct ModelMetadata {
  std::string name;
  std::vector<int64_t> versions;  // ready ones, ascending
  std::string platform;
  std::vector<TensorMetadata> inputs;
  std::vector<TensorMetadata> outputs;
};

// What a client gives a model in place of its files.
struct ModelOverrides {
  std::optional<std::string> config_json;    // instead of config.pbtxt
  std::map<std::string, std::string> files;  // by path below the model's folder; instead of all
  bool empty() const { return !config_json && files.empty(); }
};

// One line of the repository index; a model that was never loaded has neither version nor state.
struct IndexEntry {
  std::string name;
  std::optional<int64_t> version;
  std::string state;  // "READY", "UNAVAILABLE", "LOADING", "UNLOADING" or empty
  std::string reason;
};

}  // namespace neso
