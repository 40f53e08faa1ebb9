// SPDX-License-Identifier: Apache-2.0
#include "model/ensemble.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/thread_annotations.h"
#include "model/model.h"

namespace neso {
namespace {

// One request on its way through the graph. Kept by the steps that run.
class EnsembleRun : public std::enable_shared_from_this<EnsembleRun> {
 public:
  EnsembleRun(const EnsembleModel& model, InferRequest request,
              std::shared_ptr<StatisticsRecorder> recorder, Completion<InferResponse> done)
      : model_(model),
        request_(std::move(request)),
        recorder_(std::move(recorder)),
        scope_(recorder_),
        done_(std::move(done)) {}

  void start() {
    if (auto checked = check(); !checked) {
      done_(std::move(checked).error());
      return;
    }
    start_ns_ = recorder_->clock().now_ns();
    scope_.queued();
    scope_.left_queue(start_ns_);
    if (request_.trace) request_.trace->stamp(TraceEvent::QueueStart, start_ns_);
    {
      MutexLock lock(mutex_);
      for (NamedTensor& input : request_.inputs)
        tensors_.emplace(input.name, std::move(input.tensor));
    }
    request_.inputs.clear();
    advance();
  }

 private:
  Result<> check() EXCLUDES(mutex_) {
    NESO_TRY_VOID(check_duplicates(request_));
    NESO_TRY(wanted_, check_outputs(model_.rules, request_));
    NESO_TRY(const int64_t batch, check_inputs(model_.rules, request_));
    rows_ = static_cast<size_t>(std::max<int64_t>(1, batch));
    std::ranges::sort(wanted_);
    find_needed_steps();
    return {};
  }

  void find_needed_steps() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    // Backwards from the wanted outputs: the steps that they need.
    std::set<std::string> needed(wanted_.begin(), wanted_.end());
    waiting_.assign(model_.steps.size(), false);
    for (bool grown = true; grown;) {
      grown = false;
      for (size_t i = 0; i < model_.steps.size(); ++i) {
        const EnsembleStep& step = model_.steps[i];
        const bool writes_needed = std::ranges::any_of(
            step.output_map, [&](const auto& entry) { return needed.contains(entry.second); });
        if (waiting_[i] || !writes_needed) continue;
        waiting_[i] = grown = true;
        for (const auto& [input, tensor] : step.input_map) needed.insert(tensor);
      }
    }
  }

  bool can_start(const EnsembleStep& step) const REQUIRES(mutex_) {
    for (const auto& [input, tensor] : step.input_map) {
      if (!tensors_.contains(tensor)) return false;
    }
    return true;
  }

  // Starts what has its tensors; ends the run when nothing runs any more.
  void advance() EXCLUDES(mutex_) {
    std::vector<size_t> ready;
    {
      MutexLock lock(mutex_);
      for (size_t i = 0; i < model_.steps.size() && !failure_; ++i) {
        if (!waiting_[i] || !can_start(model_.steps[i])) continue;
        waiting_[i] = false;
        ready.push_back(i);
      }
      running_ += ready.size();
      if (running_ > 0 && ready.empty()) return;
    }
    if (ready.empty()) return finish();
    for (const size_t step : ready)
      model_.context.post([self = shared_from_this(), step] { self->run(step); });
  }

  void run(size_t index) EXCLUDES(mutex_) {
    const EnsembleStep& step = model_.steps[index];
    auto part = model_.context.find(step.model, step.version);
    if (!part) return step_ended(index, std::move(part).error());
    // The part lives until it has answered, also when it is unloaded meanwhile. It is let go of
    // before the caller hears of it: behind that the repository may end.
    (*part)->infer(request_of(step),
                   Completion<InferResponse>([self = shared_from_this(), index,
                                              held = *part](Result<InferResponse> result) mutable {
                     held = nullptr;
                     self->step_ended(index, std::move(result));
                   }));
  }

  InferRequest request_of(const EnsembleStep& step) EXCLUDES(mutex_) {
    InferRequest request;
    request.model = step.model;
    request.version = step.version;
    request.id = request_.id;
    request.sequence = request_.sequence;
    request.priority = request_.priority;
    request.timeout_us = request_.timeout_us;
    request.caller = request_.caller;
    request.gone = request_.gone;
    if (request_.trace) request.trace = request_.trace->child();
    if (model_.context.memory != nullptr)
      request.memory = std::make_shared<MemoryShare>(model_.context.memory, MemoryUse::Request);
    for (const auto& [output, tensor] : step.output_map) request.outputs.push_back(output);
    MutexLock lock(mutex_);
    for (const auto& [input, tensor] : step.input_map)
      request.inputs.push_back({input, tensors_.at(tensor)});
    return request;
  }

  void step_ended(size_t index, Result<InferResponse> result) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      --running_;
      if (!result) {
        if (!failure_) {
          failure_ = std::move(result).error();
          failure_->message =
              fmt::format("in ensemble '{}', {}", model_.rules.model, failure_->message);
        }
      } else {
        for (NamedTensor& output : result->outputs) {
          const auto& map = model_.steps[index].output_map;
          if (const auto mapped = map.find(output.name); mapped != map.end())
            tensors_.insert_or_assign(mapped->second, std::move(output.tensor));
        }
      }
    }
    advance();
  }

  // Nothing runs any more, and nothing will.
  void finish() EXCLUDES(mutex_) {
    if (finished_.exchange(true)) return;
    InferResponse response{.model = model_.rules.model, .id = request_.id};
    std::optional<Error> failure;
    {
      MutexLock lock(mutex_);
      failure = failure_;
      for (const std::string& name : wanted_) {
        const auto tensor = tensors_.find(name);
        if (tensor != tensors_.end()) {
          response.outputs.push_back({name, tensor->second});
        } else if (!failure) {
          failure = invalid_argument(
              "in ensemble '{}', {} unexpected deadlock, at least one output is not set while no "
              "more ensemble steps can be made",
              model_.rules.model, request_prefix(request_.id));
        }
      }
    }
    if (request_.trace) {
      request_.trace->stamp(TraceEvent::RequestEnd, recorder_->clock().now_ns());
      request_.trace = nullptr;
    }
    if (failure) {
      scope_.fail(FailureReason::Other);
      done_(*std::move(failure));
      return;
    }
    count_success();
    done_(std::move(response));
  }

  void count_success() {
    static std::atomic<uint64_t> runs = 0;
    const int64_t now = recorder_->clock().now_ns();
    const Execution execution{.id = ++runs,
                              .rows = rows_,
                              .start_ns = start_ns_,
                              .input_end_ns = start_ns_,
                              .output_start_ns = now,
                              .end_ns = now};
    recorder_->count_execution(execution);
    scope_.ran(execution);
    scope_.succeed(rows_);
  }

  const EnsembleModel& model_;
  InferRequest request_;
  const std::shared_ptr<StatisticsRecorder> recorder_;
  RequestScope scope_;
  Completion<InferResponse> done_;
  std::vector<std::string> wanted_;
  size_t rows_ = 0;
  int64_t start_ns_ = 0;
  std::atomic<bool> finished_ = false;

  Mutex mutex_;
  std::map<std::string, Tensor> tensors_ GUARDED_BY(mutex_);
  std::vector<bool> waiting_ GUARDED_BY(mutex_);  // steps that are needed and have not started
  size_t running_ GUARDED_BY(mutex_) = 0;
  std::optional<Error> failure_ GUARDED_BY(mutex_);  // the first
};

}  // namespace

EnsembleModel make_ensemble_model(const ModelConfig& config, EnsembleContext context) {
  return {.rules = rules_of(config), .steps = config.ensemble_steps, .context = std::move(context)};
}

void run_ensemble(const EnsembleModel& model, InferRequest request,
                  const std::shared_ptr<StatisticsRecorder>& recorder,
                  Completion<InferResponse> done) {
  std::make_shared<EnsembleRun>(model, std::move(request), recorder, std::move(done))->start();
}

}  // namespace neso
