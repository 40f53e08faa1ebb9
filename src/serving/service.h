// SPDX-License-Identifier: Apache-2.0
// The only door: one method per operation, for every front end. Checks, model lookup, admission and
// counters live behind it; dialects only translate. Every method may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/completion.h"
#include "base/memory_budget.h"
#include "base/thread_pool.h"
#include "config/model_config.h"
#include "repository/repository.h"
#include "request/requests.h"
#include "request/shared_memory.h"
#include "trace/tracer.h"

namespace neso {

struct ServiceOptions {
  bool strict_readiness = true;
  size_t workers = 0;              // threads that decode and tokenize; 0: one per core
  MemoryBudget* memory = nullptr;  // what requests count against; outlives the service; null: none
  bool allow_client_shared_memory = true;
  Tracer* tracer = nullptr;  // outlives the service; null: nothing is traced
};

class Service {
 public:
  // `repository` outlives the service.
  static Result<std::unique_ptr<Service>> create(Repository& repository,
                                                 const ServiceOptions& options);
  // Waits for what was accepted.
  ~Service();

  // Runs work that is too long for an I/O thread: dialects post the decoding of long bodies, and
  // call infer and embed from there where much is to be tokenized, which they do on the calling
  // thread.
  void post(std::function<void()> task);
  // The same for well under a millisecond of it: goes before what takes longer.
  void post_brief(std::function<void()> task);
  // The threads that do it, for run_pieces().
  ThreadPool& workers();

  bool live() const;
  bool ready() const;
  // The process is about to stop: ready() turns false and stopping() true, so that load balancers
  // look elsewhere; work is still taken.
  void announce_stop();
  bool stopping() const;
  // The same, and new work is refused with NotReady; what was accepted is finished.
  void begin_drain();

  // Triton's sentences: "Request for unknown model: '...' is not found" and so on.
  Result<> model_ready(std::string_view model, std::optional<int64_t> version) const;
  Result<ModelMetadata> model_metadata(std::string_view model,
                                       std::optional<int64_t> version) const;
  // What infer takes: the metadata's inputs, and `text` where the model takes texts that its config
  // does not declare.
  Result<std::vector<TensorMetadata>> model_inputs(std::string_view model,
                                                   std::optional<int64_t> version) const;
  Result<ModelConfig> model_config(std::string_view model, std::optional<int64_t> version) const;
  // An empty name: every model, by name, versions ascending.
  Result<std::vector<ModelStatistics>> statistics(std::string_view model,
                                                  std::optional<int64_t> version) const;
  std::vector<IndexEntry> index(bool ready_only) const;

  // Repository::load and unload, on threads of their own: loading takes its time. `done` fires
  // there.
  void load_model(std::string name, ModelOverrides overrides, Completion<void> done);
  void unload_model(std::string name, bool unload_parts, Completion<void> done);

  // What a dialect must know to decode a request before it has read its tensors; errors as infer's
  // lookup.
  Result<> check_model(std::string_view model, std::optional<int64_t> version) const;

  // Where clients register the memory that their requests name.
  SharedMemoryRegistry& shared_memory();

  // What is traced: front ends sample the requests that they take.
  Tracer& tracer();
  // May it have trace settings of its own? The empty name, which is all models, may.
  Result<> check_traced_model(std::string_view model) const;

  // `done` fires exactly once, after the counters were updated: on one of the service's threads, an
  // engine's, the calling one before this returns, or that of another caller, who does quick work
  // for both; so no lock may be held. Refused with NotReady while draining.
  void infer(InferRequest request, Completion<InferResponse> done);
  void embed(EmbedRequest request, Completion<EmbedResponse> done);

 private:
  Service(Repository& repository, const ServiceOptions& options);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace neso
