// SPDX-License-Identifier: Apache-2.0
// Model::infer: plan, queue, assemble.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/model.h"
#include "request/raw_request.h"
#include "request/request_checks.h"

namespace neso {
namespace {

// Service has counted the bytes already.
Result<> read_shared_inputs(InferRequest& request) {
  for (const auto& [index, slice] : request.shared_inputs) {
    Tensor& tensor = request.inputs[index].tensor;
    NESO_TRY(auto bytes, slice.read());
    tensor = Tensor(tensor.dtype(), tensor.shape(), std::move(bytes));
  }
  request.shared_inputs.clear();  // the region may go
  return {};
}

Result<> write_shared_outputs(std::span<const InferRequest::SharedOutput> wanted,
                              std::vector<NamedTensor>& outputs) {
  for (const auto& [name, slice] : wanted) {
    const auto output = std::ranges::find(outputs, name, &NamedTensor::name);
    if (output == outputs.end()) continue;
    Tensor& tensor = output->tensor;
    if (tensor.bytes().size() > slice.byte_size) {
      return invalid_argument(
          "shared memory size specified with the request for output '{}' ({} bytes) should be at "
          "least {} bytes to hold the results",
          name, slice.byte_size, tensor.bytes().size());
    }
    NESO_TRY_VOID(slice.region->write(slice.offset, tensor.bytes()));
    tensor = Tensor(tensor.dtype(), tensor.shape(), std::vector<std::byte>());
  }
  return {};
}

Result<> check_sequence_id(const CorrelationId& id) {
  constexpr size_t kMaxIdCharacters = 128;
  const auto* text = std::get_if<std::string>(&id);
  if (text == nullptr || text->size() <= kMaxIdCharacters) return {};
  return unsupported("string correlation ID cannot be longer than {} characters", kMaxIdCharacters);
}

// Triton's ensembles always answer them, also without a sequence.
std::vector<std::pair<std::string, ResponseParameter>> sequence_parameters(
    const SequenceStep& step) {
  const auto* number = std::get_if<uint64_t>(&step.id);
  const ResponseParameter id = number != nullptr
                                   ? ResponseParameter(static_cast<int64_t>(*number))
                                   : ResponseParameter(std::get<std::string>(step.id));
  return {{"sequence_id", id}, {"sequence_start", step.start}, {"sequence_end", step.end}};
}

}  // namespace

struct Model::PendingInfer {
  std::string id;
  std::vector<InferRequest::Classification> classifications;
  std::vector<InferRequest::SharedOutput> shared_outputs;
  InferPlan plan;
  std::shared_ptr<RequestScope> scope;
  std::shared_ptr<Trace> trace;
  std::string cache_key;   // empty: the model's answers are not cached
  uint64_t lookup_ns = 0;  // that was a miss
  Completion<InferResponse> done;
};

// What is to be done before anything looks at the tensors.
Result<> Model::receive(InferRequest& request) const {
  NESO_TRY_VOID(check_sequence_id(request.sequence.id));
  if (request.trace) {
    request.trace->reached(parts_.name, parts_.version, request.id,
                           parts_.recorder->clock().now_ns());
  }
  NESO_TRY_VOID(read_shared_inputs(request));
  if (request.raw) NESO_TRY_VOID(describe_raw_input(parts_.config, request));
  if (request.trace) request.trace->tensors(TensorEvent::QueueInput, request.inputs);
  return {};
}

void Model::infer(InferRequest request, Completion<InferResponse> done, Scheduler::On on) {
  if (auto received = receive(request); !received) {
    done(std::move(received).error());
    return;
  }
  if (const auto* ensemble = std::get_if<EnsembleModel>(&parts_.kind))
    return infer(*ensemble, std::move(request), std::move(done));
  const auto scope = std::make_shared<RequestScope>(parts_.recorder, request.trace);
  const RequestLife life{.gone = request.gone,
                         .deadline_ns = request.caller.deadline_ns,
                         .memory = request.memory,
                         .clock = &parts_.recorder->clock(),
                         .helpers = request.helpers};
  const EncoderModel* text_model = encoder();
  auto plan = text_model != nullptr ? plan_encoder(*text_model, request, life)
                                    : plan_tensors(std::get<TensorModel>(parts_.kind), request);
  if (!plan) {
    done(std::move(plan).error());
    return;
  }
  if (plan->truncated_texts > 0) parts_.recorder->add_truncated_texts(plan->truncated_texts);

  const auto pending = std::make_shared<PendingInfer>(
      PendingInfer{.id = std::move(request.id),
                   .classifications = std::move(request.classifications),
                   .shared_outputs = std::move(request.shared_outputs),
                   .plan = std::move(plan).value(),
                   .scope = scope,
                   .trace = std::move(request.trace),
                   .cache_key = parts_.responses ? parts_.responses->key_of(request) : "",
                   .done = std::move(done)});
  if (answer_from_cache(*pending)) return;
  std::vector<JobWork> works = std::move(pending->plan.works);
  uint64_t bytes = 0;
  for (const JobWork& work : works) bytes += job_memory(work, parts_.engine.hidden);
  if (auto held = life.hold(bytes); !held) {
    pending->done(std::move(held).error());
    return;
  }
  auto completions =
      join_completions(works.size(), [this, pending](std::vector<Result<JobOutput>> results) {
        finish(*pending, std::move(results));
      });
  std::vector<Job> jobs;
  for (size_t i = 0; i < works.size(); ++i) {
    jobs.push_back({.work = std::move(works[i]),
                    .scope = scope,
                    .deadline_ns = life.deadline_ns,
                    .gone = life.gone,
                    .client = request.caller.client,
                    .priority = request.priority,
                    .timeout_us = request.timeout_us,
                    .done = std::move(completions[i])});
  }
  if (parts_.sequences) {
    parts_.sequences->submit(std::move(jobs.front()), std::move(request.sequence));
  } else {
    parts_.scheduler->submit(std::move(jobs), on);
  }
}

void Model::infer(const EnsembleModel& ensemble, InferRequest request,
                  Completion<InferResponse> done) {
  const auto caller = std::make_shared<Completion<InferResponse>>(std::move(done));
  const auto wanted = std::make_shared<const std::vector<InferRequest::Classification>>(
      std::move(request.classifications));
  const auto shared = std::make_shared<const std::vector<InferRequest::SharedOutput>>(
      std::move(request.shared_outputs));
  const auto step = std::make_shared<const SequenceStep>(request.sequence);
  run_ensemble(
      ensemble, std::move(request), parts_.recorder,
      Completion<InferResponse>([this, caller, wanted, shared, step](Result<InferResponse> result) {
        if (!result) return (*caller)(std::move(result));
        result->version = parts_.version;
        result->parameters = sequence_parameters(*step);
        Result<> finished = classify_outputs(*wanted, result->outputs);
        if (finished) finished = write_shared_outputs(*shared, result->outputs);
        if (!finished) return (*caller)(std::move(finished).error());
        (*caller)(std::move(result));
      }));
}

Result<> Model::classify_outputs(std::span<const InferRequest::Classification> wanted,
                                 std::vector<NamedTensor>& outputs) const {
  for (const auto& [name, count] : wanted) {
    const auto output = std::ranges::find(outputs, name, &NamedTensor::name);
    if (output == outputs.end()) continue;
    const auto labels = parts_.labels.find(name);
    NESO_TRY(output->tensor, classify(output->tensor, count, parts_.config.max_batch_size > 0,
                                      labels == parts_.labels.end() ? std::span<const std::string>()
                                                                    : std::span(labels->second)));
  }
  return {};
}

void Model::finish(PendingInfer& pending, std::vector<Result<JobOutput>> results) const {
  std::vector<JobOutput> outputs;
  outputs.reserve(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      outputs.push_back(std::move(results[i]).value());
      continue;
    }
    Error error = std::move(results[i]).error();
    if (error.code == ErrorCode::Overloaded || error.code == ErrorCode::NotReady) {
      error.message =
          request_prefix(pending.id) + error.message;  // the queue's refusals, as Triton's
    } else if (pending.plan.one_work_per_row && pending.plan.rows > 1 &&
               failure_reason(error.code) == FailureReason::Backend) {
      error = error.with_context(fmt::format("row {}", i % pending.plan.rows));
    }
    pending.scope->fail(failure_reason(error.code));
    pending.done(std::move(error));
    return;
  }
  std::vector<NamedTensor> answered = pending.plan.assemble(std::move(outputs));
  if (!pending.cache_key.empty()) {
    const uint64_t kept_ns = parts_.responses->cache().put(std::move(pending.cache_key), answered,
                                                           parts_.recorder->clock());
    parts_.responses->count_miss(pending.lookup_ns + kept_ns);
    parts_.recorder->count_cache_miss(pending.lookup_ns + kept_ns);
  }
  answer(pending, std::move(answered), std::nullopt);
}

// True when that was the answer. Counted as Triton does: queued, and found as soon as it left.
bool Model::answer_from_cache(PendingInfer& pending) const {
  if (pending.cache_key.empty()) return false;
  const Clock& clock = parts_.recorder->clock();
  const auto found = parts_.responses->cache().find(pending.cache_key, pending.lookup_ns, clock);
  if (!found) return false;
  pending.scope->queued();
  pending.scope->left_queue(clock.now_ns());
  parts_.responses->count_hit(pending.lookup_ns);
  answer(pending, *found, pending.lookup_ns);
  return true;
}

// `lookup_ns`: they come from the cache.
void Model::answer(PendingInfer& pending, std::vector<NamedTensor> outputs,
                   std::optional<uint64_t> lookup_ns) const {
  InferResponse response{.model = parts_.name,
                         .version = parts_.version,
                         .id = std::move(pending.id),
                         .outputs = std::move(outputs)};
  if (pending.trace) pending.trace->tensors(TensorEvent::BackendOutput, response.outputs);
  Result<> finished = classify_outputs(pending.classifications, response.outputs);
  if (finished) finished = write_shared_outputs(pending.shared_outputs, response.outputs);
  if (!finished) {
    pending.scope->fail(FailureReason::Other);
    pending.done(std::move(finished).error());
    return;
  }
  if (lookup_ns) {
    pending.scope->succeed_from_cache(*lookup_ns);
  } else {
    pending.scope->succeed(pending.plan.rows);
  }
  pending.done(std::move(response));
}

}  // namespace neso
