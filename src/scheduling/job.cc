// SPDX-License-Identifier: Apache-2.0
#include "scheduling/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace neso {
namespace {

// Results being collected; the completions share it.
struct Join {
  Join(size_t count, std::function<void(std::vector<Result<JobOutput>>)> finish_with)
      : results(count, internal_error("not answered")),
        missing(count),
        finish(std::move(finish_with)) {}
  std::vector<Result<JobOutput>> results;  // each written by its own completion alone
  std::atomic<size_t> missing;
  std::function<void(std::vector<Result<JobOutput>>)> finish;
};

// Places that the sequence takes: on an engine that pads, its tokens stand in their positions'
// columns.
size_t sequence_length(const SequenceWork& work, bool pads) {
  if (!pads || work.positions.empty()) return work.ids.size();
  const int32_t last = std::max(0, std::ranges::max(work.positions));
  return std::max(work.ids.size(), static_cast<size_t>(last) + 1);
}

std::string sequence_group(const SequenceWork& work, bool pads) {
  // A batch of one power of two wastes less than half of its places on padding.
  const size_t length_class = pads ? std::bit_width(sequence_length(work, pads)) : 0;
  return fmt::format("{}{}", work.token_states ? "states" : "vector", length_class);
}

size_t input_bytes(const TensorWork& work) {
  size_t bytes = 0;
  for (const NamedTensor& input : work.inputs) bytes += input.tensor.bytes().size();
  return bytes;
}

std::string tensor_group(const TensorWork& work) {
  if (!work.joinable) return {};
  std::vector<std::string> inputs;
  for (const NamedTensor& input : work.inputs) {
    const std::span<const int64_t> shape = input.tensor.shape();
    inputs.push_back(fmt::format("{}:{}{}", input.name, kserve_name(input.tensor.dtype()),
                                 shape_text(shape.subspan(std::min<size_t>(1, shape.size())))));
  }
  std::ranges::sort(inputs);
  std::vector<std::string> outputs = work.outputs;
  std::ranges::sort(outputs);
  return fmt::format("tensors {} -> {}", fmt::join(inputs, "\n"), fmt::join(outputs, "\n"));
}

// Each list with its length in front, so that no two works have the same bytes.
std::string sequence_key(const SequenceWork& work) {
  std::string key;
  key.reserve((work.ids.size() + work.type_ids.size() + work.positions.size()) * sizeof(int32_t) +
              3 * sizeof(size_t) + 1);
  key += work.token_states ? 's' : 'v';
  for (const auto* list : {&work.ids, &work.type_ids, &work.positions}) {
    const size_t count = list->size();
    key.append(reinterpret_cast<const char*>(&count), sizeof count);
    key.append(reinterpret_cast<const char*>(list->data()), count * sizeof(int32_t));
  }
  return key;
}

std::string tensor_key(const TensorWork& work) {
  std::string key = fmt::format("t{}", work.inputs.size());
  for (const NamedTensor& input : work.inputs) add_to_key(input, key);
  for (const std::string& output : work.outputs)
    key += fmt::format("\n{}:{}", output.size(), output);
  return key;
}

}  // namespace

size_t job_cost(const JobWork& work, bool pads) {
  if (const auto* sequence = std::get_if<SequenceWork>(&work))
    return std::max<size_t>(1, sequence_length(*sequence, pads));
  return std::max<size_t>(1, input_bytes(std::get<TensorWork>(work)) / sizeof(int64_t));
}

uint64_t job_memory(const JobWork& work, size_t hidden) {
  const auto* sequence = std::get_if<SequenceWork>(&work);
  if (sequence == nullptr) return input_bytes(std::get<TensorWork>(work));
  const size_t vectors = sequence->token_states ? sequence->ids.size() : 1;
  const size_t numbers =
      sequence->ids.size() + sequence->type_ids.size() + sequence->positions.size();
  return numbers * sizeof(int32_t) + vectors * hidden * sizeof(float);
}

size_t job_rows(const JobWork& work) {
  const auto* tensors = std::get_if<TensorWork>(&work);
  return tensors != nullptr ? std::max<size_t>(1, tensors->rows) : 1;
}

size_t limited_rows(const JobWork& work, bool pads) {
  return pads || std::holds_alternative<TensorWork>(work) ? job_rows(work) : 0;
}

std::string job_group(const JobWork& work, bool pads) {
  if (const auto* sequence = std::get_if<SequenceWork>(&work))
    return sequence_group(*sequence, pads);
  return tensor_group(std::get<TensorWork>(work));
}

void add_to_key(const NamedTensor& tensor, std::string& key) {
  const auto bytes = tensor.tensor.bytes();
  key += fmt::format("\n{}:{} {} {} {}:", tensor.name.size(), tensor.name,
                     kserve_name(tensor.tensor.dtype()), shape_text(tensor.tensor.shape()),
                     bytes.size());
  key.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string work_key(const JobWork& work) {
  const auto* sequence = std::get_if<SequenceWork>(&work);
  return sequence != nullptr ? sequence_key(*sequence) : tensor_key(std::get<TensorWork>(work));
}

std::vector<Completion<JobOutput>> join_completions(
    size_t count, std::function<void(std::vector<Result<JobOutput>>)> finish) {
  std::vector<Completion<JobOutput>> completions;
  if (count == 0) {
    finish({});
    return completions;
  }
  const auto join = std::make_shared<Join>(count, std::move(finish));
  for (size_t i = 0; i < count; ++i) {
    completions.emplace_back([join, i](Result<JobOutput> result) {
      join->results[i] = std::move(result);
      if (join->missing.fetch_sub(1, std::memory_order_acq_rel) == 1)
        join->finish(std::move(join->results));
    });
  }
  return completions;
}

}  // namespace neso
