// SPDX-License-Identifier: Apache-2.0
// One live version of a model: its config, what it makes of requests, and the scheduler that runs
// them. Made by model_loader.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/completion.h"
#include "base/memory_budget.h"
#include "config/model_config.h"
#include "engine/engine.h"
#include "model/ensemble.h"
#include "model/infer_plan.h"
#include "model/reference_agreement.h"
#include "request/classification.h"
#include "request/requests.h"
#include "request/response_cache.h"
#include "scheduling/scheduler.h"
#include "scheduling/statistics.h"
#include "sequence/sequence_scheduler.h"

namespace neso {

using ModelKind = std::variant<TensorModel, EncoderModel, EnsembleModel>;

struct ModelParts {
  std::string name;
  int64_t version = 0;
  ModelConfig config;  // completed
  Labels labels = {};
  EngineInfo engine;
  ModelKind kind;
  std::optional<ReferenceAgreement> references = {};
  std::shared_ptr<StatisticsRecorder> recorder;
  std::unique_ptr<const ModelResponses> responses = {};  // null: answers are not cached
  MemoryShare memory;                                    // held while the version lives
  std::unique_ptr<Scheduler> scheduler;               // null: an ensemble, or a model of sequences
  std::unique_ptr<SequenceScheduler> sequences = {};  // of a model with sequence_batching
};

// Every method from any thread; the last reference goes away on a thread that is no engine's.
class Model {
 public:
  explicit Model(ModelParts parts) : parts_(std::move(parts)) {}
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::string& name() const { return parts_.name; }
  int64_t version() const { return parts_.version; }
  const ModelConfig& config() const { return parts_.config; }
  const EngineInfo& engine() const { return parts_.engine; }
  // How near it is to the reference vectors of its folder, if that has any.
  const std::optional<ReferenceAgreement>& references() const { return parts_.references; }
  ModelStatistics statistics() const { return parts_.recorder->snapshot(); }
  // Everything but the versions, which a single one does not know.
  ModelMetadata metadata() const;
  // The metadata's inputs, and `text` where the config does not declare it.
  std::vector<TensorMetadata> accepted_inputs() const;

  // Its answers are tensors as its engine hands them over: nothing is made of them.
  bool answers_tensors() const { return std::holds_alternative<TensorModel>(parts_.kind); }

  // The width of the vectors that texts become; nullopt when this model takes no texts.
  std::optional<size_t> embedding_width() const {
    const EncoderModel* model = encoder();
    if (model == nullptr || !model->text) return std::nullopt;
    return model->width;
  }

  // Tokenizes and checks on the calling thread; `done` fires there (a refusal), on an engine's, or
  // where quick work is done `on` a borrower's.
  void infer(InferRequest request, Completion<InferResponse> done,
             Scheduler::On on = Scheduler::On::EnginesThread);
  void embed(EmbedRequest request, Completion<EmbedResponse> done);

  // Finishes what was accepted, refuses the rest.
  void stop() {
    if (parts_.scheduler) parts_.scheduler->stop();
    if (parts_.sequences) parts_.sequences->stop();
  }

 private:
  struct PendingInfer;
  struct PendingEmbed;
  Result<std::vector<Job>> prepare(const TextInput& source, const std::string& prompt,
                                   const EmbedRequest& request, const RequestLife& life,
                                   PendingEmbed& pending) const;
  Result<> receive(InferRequest& request) const;
  void infer(const EnsembleModel& ensemble, InferRequest request, Completion<InferResponse> done);
  const EncoderModel* encoder() const { return std::get_if<EncoderModel>(&parts_.kind); }
  Result<> classify_outputs(std::span<const InferRequest::Classification> wanted,
                            std::vector<NamedTensor>& outputs) const;
  bool answer_from_cache(PendingInfer& pending) const;
  void answer(PendingInfer& pending, std::vector<NamedTensor> outputs,
              std::optional<uint64_t> lookup_ns) const;
  void finish(PendingInfer& pending, std::vector<Result<JobOutput>> results) const;
  void finish(PendingEmbed& pending, std::vector<Result<JobOutput>> results) const;

  // Its scheduler goes first: until then its threads use the rest.
  const ModelParts parts_;
};

}  // namespace neso
