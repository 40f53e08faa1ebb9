// SPDX-License-Identifier: Apache-2.0
#include "serving/service.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <utility>

#include "base/cores.h"
#include "base/error.h"
#include "base/thread_annotations.h"
#include "model/model.h"

namespace neso {
namespace {

constexpr size_t kControlThreads = 4;  // models that clients load at a time
constexpr uint64_t kAnsweredAtOnce = uint64_t{4} << 10;

uint64_t memory_of(const std::vector<NamedTensor>& tensors) {
  uint64_t bytes = 0;
  for (const NamedTensor& tensor : tensors) bytes += tensor.tensor.bytes().size();
  return bytes;
}
uint64_t memory_of(const InferRequest& request) {
  uint64_t bytes = memory_of(request.inputs);
  for (const auto& input : request.shared_inputs) bytes += input.slice.byte_size;
  return bytes;
}
uint64_t memory_of(const InferResponse& response) {
  return memory_of(response.outputs);
}
uint64_t memory_of(const EmbedRequest& request) {
  uint64_t bytes = 0;
  for (const std::string& text : request.texts) bytes += text.size();
  return bytes;
}
uint64_t memory_of(const EmbedResponse& response) {
  uint64_t bytes = 0;
  for (const auto& item : response.items) {
    if (item) bytes += item->values.size() * sizeof(float);
  }
  return bytes;
}

}  // namespace

struct Service::State {
  State(Repository& models, const ServiceOptions& with)
      : repository(models), options(with), shared_memory(with.allow_client_shared_memory) {}

  // A request in the service's hands, with its share of the memory: while one is held, the
  // service's destructor waits.
  class Hold {
   public:
    explicit Hold(State& state) : memory(state.options.memory, MemoryUse::Request), state_(state) {
      MutexLock lock(state_.mutex);
      ++state_.holds;
    }
    ~Hold() {
      model = nullptr;  // before the service, and with it repository and budget, may go
      memory.set(0);
      MutexLock lock(state_.mutex);
      if (--state_.holds == 0) state_.idle.notify_all();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    MemoryShare memory;
    std::shared_ptr<Model> model;  // that answers; unloaded meanwhile, it lives on until then

   private:
    State& state_;
  };

  // `done` on a thread of the pool, so that an engine's thread goes back to its queue at once,
  // unless the answer is written in less time than it is handed over. The hold lasts until both
  // have let go: the task, and the engine's thread that posts it.
  template <typename T>
  Completion<T> on_a_worker(Completion<T> done, const std::shared_ptr<Hold>& hold) {
    const auto shared = std::make_shared<Completion<T>>(std::move(done));
    return Completion<T>([this, hold, shared](Result<T> result) {
      const uint64_t bytes = result ? memory_of(*result) : 0;
      hold->memory.set(bytes);
      if (bytes <= kAnsweredAtOnce && hold->model && hold->model->answers_tensors())
        return (*shared)(std::move(result));
      const auto carried = std::make_shared<Result<T>>(std::move(result));
      auto task = [hold, shared, carried] { (*shared)(std::move(*carried)); };
      bytes <= kAnsweredAtOnce ? pool->post_brief(std::move(task)) : pool->post(std::move(task));
    });
  }

  void wait_until_idle() EXCLUDES(mutex) {
    MutexLock lock(mutex);
    while (holds > 0) lock.wait(idle);
  }

  template <typename Request, typename Response, typename Operation>
  void serve(Request request, Completion<Response> done, const Operation& operation) {
    const auto hold = std::make_shared<Hold>(*this);
    done = on_a_worker(std::move(done), hold);
    if (draining) {
      done(not_ready("Server not ready"));
      return;
    }
    auto model = repository.lookup(request.model, request.version);
    if (!model) {
      done(std::move(model).error());
      return;
    }
    hold->model = std::move(model).value();
    request.helpers = pool.get();
    if (options.memory != nullptr) {
      const uint64_t bytes = memory_of(request);
      if (!hold->memory.resize(bytes)) {
        done(hold->memory.refusal(bytes));
        return;
      }
      request.memory = std::shared_ptr<MemoryShare>(hold, &hold->memory);
    }
    operation(*hold->model, std::move(request), std::move(done));
  }

  // On a thread that may wait.
  void change(Completion<void> done, std::function<Result<>()> operation) {
    const auto hold = std::make_shared<Hold>(*this);
    const auto shared = std::make_shared<Completion<void>>(std::move(done));
    if (draining) {
      (*shared)(not_ready("Server not ready"));
      return;
    }
    control->post([hold, shared, operation = std::move(operation)] { (*shared)(operation()); });
  }

  Repository& repository;
  const ServiceOptions options;
  SharedMemoryRegistry shared_memory;
  Tracer untraced{TraceOptions{}};  // without options.tracer
  std::atomic<bool> stopping = false;
  std::atomic<bool> draining = false;
  Mutex mutex;
  std::condition_variable idle;
  size_t holds GUARDED_BY(mutex) = 0;
  std::unique_ptr<ThreadPool> control;  // loads and unloads
  std::unique_ptr<ThreadPool> pool;     // constant after create; the last, so that it joins first
};

Service::Service(Repository& repository, const ServiceOptions& options)
    : state_(std::make_unique<State>(repository, options)) {}

Service::~Service() {
  begin_drain();
  state_->wait_until_idle();
}

Result<std::unique_ptr<Service>> Service::create(Repository& repository,
                                                 const ServiceOptions& options) {
  std::unique_ptr<Service> service(new Service(repository, options));
  const size_t workers = options.workers != 0 ? options.workers : usable_cores();
  NESO_TRY(service->state_->pool, ThreadPool::create(workers, "service"));
  NESO_TRY(service->state_->control, ThreadPool::create(kControlThreads, "control"));
  return service;
}

void Service::post(std::function<void()> task) {
  state_->pool->post(std::move(task));
}

void Service::post_brief(std::function<void()> task) {
  state_->pool->post_brief(std::move(task));
}

ThreadPool& Service::workers() {
  return *state_->pool;
}

bool Service::live() const {
  return true;
}

bool Service::ready() const {
  return !state_->stopping && (!state_->options.strict_readiness || state_->repository.all_ready());
}

void Service::announce_stop() {
  state_->stopping = true;
}

bool Service::stopping() const {
  return state_->stopping;
}

void Service::begin_drain() {
  announce_stop();
  state_->draining = true;
}

Result<> Service::check_model(std::string_view model, std::optional<int64_t> version) const {
  NESO_TRY_VOID(state_->repository.lookup(model, version));
  return {};
}

Result<> Service::model_ready(std::string_view model, std::optional<int64_t> version) const {
  return check_model(model, version);
}

Result<ModelMetadata> Service::model_metadata(std::string_view model,
                                              std::optional<int64_t> version) const {
  NESO_TRY(const auto found, state_->repository.lookup(model, version));
  ModelMetadata metadata = found->metadata();
  if (version) {
    metadata.versions = {*version};
    return metadata;
  }
  for (const auto& other : state_->repository.models()) {
    if (other->name() == model) metadata.versions.push_back(other->version());
  }
  return metadata;
}

Result<std::vector<TensorMetadata>> Service::model_inputs(std::string_view model,
                                                          std::optional<int64_t> version) const {
  NESO_TRY(const auto found, state_->repository.lookup(model, version));
  return found->accepted_inputs();
}

Result<ModelConfig> Service::model_config(std::string_view model,
                                          std::optional<int64_t> version) const {
  NESO_TRY(const auto found, state_->repository.lookup(model, version));
  return found->config();
}

Result<std::vector<ModelStatistics>> Service::statistics(std::string_view model,
                                                         std::optional<int64_t> version) const {
  std::vector<ModelStatistics> statistics;
  bool serves = false;
  for (const auto& candidate : state_->repository.models()) {
    if (!model.empty() && candidate->name() != model) continue;
    serves = true;
    if (!version || candidate->version() == *version) {
      statistics.push_back(candidate->statistics());
    }
  }
  if (model.empty() || !statistics.empty()) return statistics;
  if (!serves) return invalid_argument("requested model '{}' is not available", model);
  return invalid_argument("requested model version is not available for model '{}'", model);
}

std::vector<IndexEntry> Service::index(bool ready_only) const {
  std::vector<IndexEntry> index = state_->repository.index();
  // A name without a version is a model that could not be tried at all; Triton shows it always.
  if (ready_only) {
    std::erase_if(index, [](const IndexEntry& e) { return e.version && e.state != "READY"; });
  }
  return index;
}

SharedMemoryRegistry& Service::shared_memory() {
  return state_->shared_memory;
}

Tracer& Service::tracer() {
  return state_->options.tracer != nullptr ? *state_->options.tracer : state_->untraced;
}

Result<> Service::check_traced_model(std::string_view model) const {
  if (model.empty() || check_model(model, std::nullopt)) return {};
  return invalid_argument("Request for unknown model : {}", model);
}

void Service::infer(InferRequest request, Completion<InferResponse> done) {
  state_->serve(std::move(request), std::move(done), [](Model& model, auto what, auto whom) {
    model.infer(std::move(what), std::move(whom), Scheduler::On::Borrowed);
  });
}

void Service::embed(EmbedRequest request, Completion<EmbedResponse> done) {
  state_->serve(std::move(request), std::move(done), [](Model& model, auto what, auto whom) {
    model.embed(std::move(what), std::move(whom));
  });
}

void Service::load_model(std::string name, ModelOverrides overrides, Completion<void> done) {
  const auto shared = std::make_shared<const ModelOverrides>(std::move(overrides));
  state_->change(std::move(done), [repository = &state_->repository, name = std::move(name),
                                   shared] { return repository->load(name, *shared); });
}

void Service::unload_model(std::string name, bool unload_parts, Completion<void> done) {
  state_->change(std::move(done),
                 [repository = &state_->repository, name = std::move(name), unload_parts] {
                   return repository->unload(name, unload_parts);
                 });
}

}  // namespace neso
