// SPDX-License-Identifier: Apache-2.0
#include "model/loading/warmup.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "request/request_checks.h"
#include "scheduling/execute.h"

namespace neso {
namespace {

constexpr size_t kMaxInputBytes = size_t{1} << 30;

// The same values at every load.
class Random {
 public:
  uint32_t next() {  // xorshift
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 17U;
    state_ ^= state_ << 5U;
    return state_;
  }

 private:
  uint32_t state_ = 0x9E3779B9U;
};

bool is_float(DType dtype) {
  return dtype == DType::Fp16 || dtype == DType::Bf16 || dtype == DType::Fp32 ||
         dtype == DType::Fp64;
}

// Whole numbers are any; floats lie between -2 and 2, so that none is infinite or NaN.
void fill_with_random(DType dtype, std::span<std::byte> bytes) {
  Random random;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next() >> 24U);
  const size_t size = element_size(dtype);
  for (size_t last = size - 1; last < bytes.size(); last += size) {
    if (is_float(dtype)) bytes[last] &= std::byte{0xBF};  // the exponent's highest bit
    if (dtype == DType::Bool) bytes[last] &= std::byte{1};
  }
}

template <typename T>
void fill_with_ids(const EncoderModel& encoder, bool random, std::span<std::byte> bytes) {
  const size_t vocabulary = std::max<size_t>(2, encoder.limits.vocabulary);
  const size_t any = encoder.pad_token_id == 0 ? 1 : 0;
  Random numbers;
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    size_t id = random ? numbers.next() % vocabulary : any;
    if (id == static_cast<size_t>(encoder.pad_token_id)) id = any;
    const T value = static_cast<T>(id);
    std::memcpy(&bytes[i], &value, sizeof(T));
  }
}

template <typename T>
void fill_with_ones(std::span<std::byte> bytes) {
  const T one = 1;
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T))
    std::memcpy(&bytes[i], &one, sizeof(T));
}

// False: the input is none that texts are made of, or its type is none of theirs.
bool fill_for_encoder(const EncoderModel& encoder, const std::string& name,
                      const WarmupInput& input, std::span<std::byte> bytes) {
  const bool random = input.source == WarmupInput::Source::Random;
  const bool narrow = input.dtype == DType::Int32;
  if (!narrow && input.dtype != DType::Int64) return false;
  if (name == kInputIds) {
    narrow ? fill_with_ids<int32_t>(encoder, random, bytes)
           : fill_with_ids<int64_t>(encoder, random, bytes);
  } else if (name == kAttentionMask) {
    narrow ? fill_with_ones<int32_t>(bytes) : fill_with_ones<int64_t>(bytes);
  } else {
    return name == kTokenTypeIds || name == kPositionIds;  // zeros
  }
  return true;
}

// What Triton puts in front of a sentence about one of its warm-up's requests.
std::string prefix() {
  return request_prefix({});
}

// `size` bytes, but of texts all there are.
Result<std::vector<std::byte>> read_input(const WarmupInput& input, size_t size,
                                          const std::filesystem::path& model_folder) {
  NESO_TRY(const std::string content,
           read_file(model_folder / "warmup" / input.file, kMaxInputBytes));
  if (input.dtype != DType::Bytes && content.size() < size) {
    return invalid_argument(
        "{}warmup setting expects {} bytes, but the data provided from {} only has {} bytes",
        prefix(), size, input.file, content.size());
  }
  const auto bytes = std::as_bytes(std::span(content));
  const auto used = input.dtype == DType::Bytes ? bytes : bytes.first(size);
  return std::vector<std::byte>(used.begin(), used.end());
}

Result<std::vector<std::byte>> input_bytes(const std::string& name, const WarmupInput& input,
                                           const EncoderModel* encoder,
                                           const std::filesystem::path& model_folder) {
  if (std::ranges::find(input.dims, -1) != input.dims.end()) {
    return invalid_argument(
        "warmup setting expects all variable-size dimensions are specified for input '{}'", name);
  }
  const auto count = element_count(input.dims);
  // Of a text it is its length that is zero.
  const size_t each = input.dtype == DType::Bytes ? sizeof(uint32_t) : element_size(input.dtype);
  if (!count || static_cast<uint64_t>(*count) > kMaxInputBytes / each) {
    return invalid_argument("warmup input '{}' of dims {} is larger than {} bytes", name,
                            shape_text(input.dims), kMaxInputBytes);
  }
  const size_t size = static_cast<size_t>(*count) * each;
  if (input.source == WarmupInput::Source::None) {
    return invalid_argument("{}warmup setting expects input '{}' to have input_data_type set",
                            prefix(), name);
  }
  if (input.source == WarmupInput::Source::File) return read_input(input, size, model_folder);
  std::vector<std::byte> bytes(size);
  if (encoder != nullptr && fill_for_encoder(*encoder, name, input, bytes)) return bytes;
  const bool random = input.source == WarmupInput::Source::Random && input.dtype != DType::Bytes;
  if (random) fill_with_random(input.dtype, bytes);
  return bytes;
}

bool is_filled_in(const ModelConfig& config, const std::string& input) {
  if (!config.sequence_batching) return false;
  const SequenceBatching& batching = *config.sequence_batching;
  return std::ranges::find(batching.controls, input, &SequenceControl::input) !=
             batching.controls.end() ||
         std::ranges::find(batching.states, input, &SequenceState::input) != batching.states.end();
}

// The jobs of one request.
Result<> add_jobs(const Warmup& warmup, const WarmupRun& run, std::vector<Job>& jobs) {
  InferRequest request{.model = run.config.name, .inputs = warmup.inputs};
  NESO_TRY(InferPlan plan, run.plan(request));
  const auto scope = std::make_shared<RequestScope>(run.recorder);
  scope->queued();
  scope->left_queue(run.recorder->clock().now_ns());
  for (JobWork& work : plan.works) {
    if (auto* tensors = std::get_if<TensorWork>(&work)) {
      tensors->joinable = run.config.max_batch_size > 0;
      if (run.sequence_tensors != nullptr)
        run.sequence_tensors->complete({.id = uint64_t{1}, .start = true}, {}, *tensors);
      for (const NamedTensor& given : warmup.filled_in) {
        const auto found = std::ranges::find(tensors->inputs, given.name, &NamedTensor::name);
        if (found != tensors->inputs.end()) *found = given;
      }
    }
    jobs.push_back({.work = std::move(work), .scope = scope});
  }
  return {};
}

// One run for each group of jobs that can share it. Answers what failed, once a job.
std::vector<std::string> run_jobs(std::vector<Job> jobs, const WarmupRun& run, Engine& engine) {
  std::map<std::string, std::vector<Job>> groups;
  for (Job& job : jobs) {
    std::string group = job_group(job.work, run.engine_pads);
    if (group.empty()) group = fmt::format("alone {}", groups.size());
    groups[std::move(group)].push_back(std::move(job));
  }
  std::vector<std::string> errors;
  for (const auto& [name, group] : groups) {
    const Executed executed = execute(engine, run.pooling, group, run.recorder->clock());
    run.recorder->count_execution(executed.execution);
    for (size_t i = 0; i < group.size(); ++i) {
      group[i].scope->ran(executed.execution);
      if (!executed.results) {
        errors.push_back(executed.results.error().message);
      } else if (const auto& result = (*executed.results)[i]; !result) {
        errors.push_back(result.error().message);
      }
    }
  }
  return errors;
}

Result<> run_once(const Warmup& warmup, const WarmupRun& run, Engine& engine) {
  std::vector<Job> jobs;
  std::vector<std::shared_ptr<RequestScope>> scopes;
  for (size_t i = 0; i < warmup.requests; ++i) {
    NESO_TRY_VOID(add_jobs(warmup, run, jobs));
    scopes.push_back(jobs.back().scope);
  }
  const auto errors = run_jobs(std::move(jobs), run, engine);
  if (!errors.empty()) {
    return invalid_argument("failed to run warmup sample '{}': {}; ", warmup.name,
                            fmt::join(errors, "; "));
  }
  for (const auto& scope : scopes) scope->succeed(1);
  return {};
}

}  // namespace

Result<std::vector<Warmup>> read_warmups(const ModelConfig& config, const EncoderModel* encoder,
                                         const std::filesystem::path& model_folder) {
  std::vector<Warmup> warmups;
  const auto most = static_cast<uint64_t>(std::max<int64_t>(1, config.max_batch_size));
  for (const WarmupSample& sample : config.warmup_samples) {
    if (sample.batch_size == 0) continue;
    if (sample.batch_size > most) {
      return invalid_argument(
          "failed to run warmup sample '{}': batch size {} for '{}', max allowed is {}",
          sample.name, sample.batch_size, config.name, config.max_batch_size);
    }
    Warmup warmup{.name = sample.name, .requests = sample.batch_size, .count = sample.count};
    for (const auto& [name, input] : sample.inputs) {
      NESO_TRY(auto bytes, input_bytes(name, input, encoder, model_folder));
      Shape shape = input.dims;
      if (config.max_batch_size > 0) shape.insert(shape.begin(), 1);
      NamedTensor tensor{name, Tensor(input.dtype, std::move(shape), std::move(bytes))};
      (is_filled_in(config, name) ? warmup.filled_in : warmup.inputs).push_back(std::move(tensor));
    }
    warmups.push_back(std::move(warmup));
  }
  return warmups;
}

Result<> run_warmups(const std::vector<Warmup>& warmups, const WarmupRun& run, Engine& engine) {
  for (const Warmup& warmup : warmups) {
    for (size_t i = 0; i < warmup.count; ++i) NESO_TRY_VOID(run_once(warmup, run, engine));
  }
  return {};
}

}  // namespace neso
