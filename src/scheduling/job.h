// SPDX-License-Identifier: Apache-2.0
// What a scheduler queues: one sequence of tokens, or the tensors of one request, each completed
// exactly once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/completion.h"
#include "scheduling/statistics.h"
#include "tensor/tensor.h"

namespace neso {

// For Engine::encode or, with token_states, Engine::encode_tokens. type_ids and positions: as long
// as ids, or empty.
struct SequenceWork {
  std::vector<int32_t> ids = {};
  std::vector<int32_t> type_ids = {};
  std::vector<int32_t> positions = {};
  bool token_states = false;
};

// For Engine::run.
struct TensorWork {
  std::vector<NamedTensor> inputs = {};   // as the graph takes them
  std::vector<std::string> outputs = {};  // wanted, never empty
  size_t rows = 1;                        // of every input's first dimension, when joinable
  bool joinable = false;  // may be run together with others along the first dimension
};

using JobWork = std::variant<SequenceWork, TensorWork>;

// A pooled vector [width] or token states [tokens, hidden] of a sequence; the wanted outputs of
// tensors.
using JobOutput = std::variant<std::vector<float>, std::vector<NamedTensor>>;

struct Job {
  JobWork work = {};
  std::shared_ptr<RequestScope> scope = {};            // of the request it belongs to
  std::optional<int64_t> deadline_ns = {};             // of whoever waits for the answer
  std::shared_ptr<const std::atomic<bool>> gone = {};  // the client left; may be null
  uint64_t client = 0;                                 // who takes turns with other clients
  uint64_t priority = 0;                               // as the request says; 0: the default
  uint64_t timeout_us = 0;  // in the queue, if its policy allows; 0: none
  Completion<JobOutput> done = {};
  uint64_t flight = 0;  // the queue's: its number among the works that others may join
};

// Tokens, with those that an engine which `pads` puts into the gaps between positions; for tensors
// their bytes in units of one INT64 id.
size_t job_cost(const JobWork& work, bool pads);
size_t job_rows(const JobWork& work);
// Those that count against the rows a graph takes: our own engine's sequences do not.
size_t limited_rows(const JobWork& work, bool pads);
// Bytes that it holds until it is done: its input, and the output of an encoder that many values
// wide (what a graph answers is not known beforehand).
uint64_t job_memory(const JobWork& work, size_t hidden);
// Jobs of the same group can share a batch; empty: none can. `pads`: the engine pads sequences to
// the longest one, so only those of similar length belong together.
std::string job_group(const JobWork& work, bool pads);

// All of a work's input and what is wanted of it: works of the same key have the same outputs.
std::string work_key(const JobWork& work);

// Its part of a key: name, type, shape and bytes.
void add_to_key(const NamedTensor& tensor, std::string& key);

// `count` completions; when the last of them has fired, `finish` gets their results in order, on
// that thread.
std::vector<Completion<JobOutput>> join_completions(
    size_t count, std::function<void(std::vector<Result<JobOutput>>)> finish);

}  // namespace neso
