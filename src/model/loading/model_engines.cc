// SPDX-License-Identifier: Apache-2.0
#include "model/loading/model_engines.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "model/loading/files_fingerprint.h"
#include "model/loading/host_cores.h"
#include "model/loading/load_marks.h"
#include "model/loading/warmup.h"
#include "scheduling/batch_limits.h"

namespace neso {
namespace {

// What a small request waits for at most while bulk work runs.
constexpr int64_t kShortBatchNs = 3'000'000;

// What the folder's reference vectors, if it has any, say of the engine. A mismatch is an error
// unless the caller wants to see it.
Result<> compare_references(Loading& loading, Engine& engine, const EncoderModel& model) {
  const auto& file = loading.files.reference_vectors;
  if (file.empty()) return {};
  if (!model.text) {
    log_warning("model '{}' version {}: {} is not looked at, since the model takes no texts",
                loading.source.name, loading.source.version, file.string());
    return {};
  }
  NESO_TRY(const ReferenceVectors references, read_reference_vectors(file));
  NESO_TRY(auto agreement, compare_with_references(engine, model, loading.pooling, references));
  agreement.bound = reference_bound(engine.info().precision, loading.engine.own);
  if (loading.options.refuse_reference_mismatch) {
    auto agrees = check_agreement(agreement);
    loading.reduced_in_vain = !agrees && !loading.engine.precision_reason.empty() &&
                              loading.engine.info.precision != Precision::Fp32;
    if (!agrees) return agrees;
  }
  log_info("model '{}' version {}: {} reference vectors, least cosine {:.7f}", loading.source.name,
           loading.source.version, agreement.vectors, agreement.cosines.least);
  loading.references = std::move(agreement);
  return {};
}

MetricLabels labels_of(const Loading& loading) {
  return model_labels(loading.source.name, loading.source.version,
                      {.tags = loading.config.metric_tags});
}

// The version's vectors in the server's cache. Files that changed, another config or another
// precision are another identity.
std::shared_ptr<const ModelResults> make_results(const Loading& loading, MetricRegistry& metrics) {
  if (!loading.options.results) return nullptr;
  const std::string identity =
      fmt::format("{:x} {:x} {} {}\n", hash_of(files_fingerprint(loading.source)),
                  hash_of(model_config_bytes(loading.config)),
                  to_string(loading.engine.info.precision), loading.engine.info.name);
  MetricLabels labels = labels_of(loading);
  labels.emplace_back("cache", "results");
  return std::make_shared<const ModelResults>(
      loading.options.results, identity,
      metrics.series("neso_cache_hits_total", MetricKind::Counter,
                     "Vectors that were found in a cache", labels),
      metrics.series("neso_cache_misses_total", MetricKind::Counter,
                     "Vectors that were not found in a cache", labels));
}

Result<> warm_up(const Loading& loading, const ModelParts& parts,
                 std::span<const std::unique_ptr<Engine>> engines) {
  const auto* encoder = std::get_if<EncoderModel>(&parts.kind);
  const WarmupRun run{
      .config = loading.config,
      .plan =
          [&parts, encoder](InferRequest& request) {
            if (encoder == nullptr) return plan_tensors(std::get<TensorModel>(parts.kind), request);
            return plan_encoder(*encoder, request, {.clock = &parts.recorder->clock()});
          },
      .pooling = loading.pooling,
      .sequence_tensors = loading.sequence_tensors ? &*loading.sequence_tensors : nullptr,
      .engine_pads = !loading.engine.own,
      .recorder = parts.recorder};
  NESO_TRY(const auto warmups, read_warmups(loading.config, encoder, loading.source.model_folder));
  for (const auto& engine : engines) NESO_TRY_VOID(run_warmups(warmups, run, *engine));
  return {};
}

// The places of the engines at the server's rate limiter.
Result<std::vector<std::shared_ptr<RateSeat>>> enroll(const Loading& loading,
                                                      std::span<const InstancePlace> places) {
  constexpr int kCpu = 0;  // Triton's number of the device
  std::vector<std::shared_ptr<RateSeat>> seats;
  if (!loading.options.rate_limiter) return seats;
  for (const InstancePlace& place : places) {
    NESO_TRY(auto seat, loading.options.rate_limiter->enroll(place.group->resources,
                                                             place.gpu.value_or(kCpu)));
    seats.push_back(std::move(seat));
  }
  if (std::ranges::none_of(seats, [](const auto& seat) { return seat != nullptr; })) seats.clear();
  return seats;
}

using InstanceCores = std::vector<std::vector<int>>;  // see instance_cores()

// Each on its cores, which it shares with the others there.
Result<std::vector<std::unique_ptr<Engine>>> make_engines(Loading& loading,
                                                          const EncoderModel* encoder,
                                                          const InstanceCores& cores,
                                                          std::span<const InstancePlace> places) {
  std::vector<std::unique_ptr<Engine>> engines;
  for (size_t i = 0; i < places.size(); ++i) {
    size_t sharing = places.size();
    if (!cores.empty()) {
      NESO_TRY_VOID(loading.thread.bind(cores[i]));
      sharing = static_cast<size_t>(std::ranges::count(cores, cores[i]));
    }
    NESO_TRY(auto engine, loading.engine.make(
                              {.count = sharing, .gpu = places[i].gpu, .bound = !cores.empty()}));
    if (encoder != nullptr) NESO_TRY_VOID(run_load_probes(*engine, *encoder, loading.pooling));
    engines.push_back(std::move(engine));
  }
  NESO_TRY_VOID(loading.thread.bind({}));
  return engines;
}

SchedulerOptions scheduler_options(const Loading& loading, bool encoder, size_t engines,
                                   MetricRegistry& metrics) {
  SchedulerOptions options{.pooling = loading.pooling};
  options.joins =
      metrics.series("neso_inflight_joins_total", MetricKind::Counter,
                     "Works that were answered by identical ones in flight", labels_of(loading));
  options.metrics = std::make_shared<const QueueMetrics>(labels_of(loading), metrics);
  if (encoder) options.results = make_results(loading, metrics);
  options.queue.join_tensors = loading.config.response_cache && loading.options.responses;
  options.queue.limits = batch_limits(
      loading.config, {.encoder = encoder, .graph = loading.engine.graph, .engines = engines});
  options.queue.engine_pads = !loading.engine.own;
  if (encoder) options.queue.short_batch_ns = kShortBatchNs;
  if (loading.config.dynamic_batching)
    options.queue.policies = QueuePolicies(*loading.config.dynamic_batching);
  return options;
}

}  // namespace

Result<> reserve(Loading& loading, EngineUse use) {
  MemoryBudget* budget = loading.options.memory;
  if (budget == nullptr) return {};
  if (loading.engine.make) {
    use.precision = loading.engine.info.precision;
  } else {
    // Whatever is chosen in the end, the model is read in fp32 first.
    NESO_TRY(const auto precision, engine_precision(loading.config, loading.options.engine));
    use.precision = precision.value_or(Precision::Fp32);
  }
  return reserve_memory(loading.memory, estimate_memory(loading.files, use), *budget);
}

Result<std::unique_ptr<Scheduler>> start_scheduler(Loading& loading, const ModelParts& parts,
                                                   MetricRegistry& metrics) {
  const auto* encoder = std::get_if<EncoderModel>(&parts.kind);
  NESO_TRY_VOID(loading.thread.bind({}));
  // Completion counts instances as Triton does for a graph; our own engine uses all cores in one.
  std::vector<InstancePlace> places = engine_places(loading.config, loading.engine);
  if (loading.engine.own && !loading.instances_declared) places.resize(1);
  const size_t count = places.size();
  NESO_TRY_VOID(reserve(
      loading, {.own = loading.engine.own, .graph = loading.engine.graph, .engines = count}));
  NESO_TRY(auto seats, enroll(loading, places));
  NESO_TRY(auto cores, instance_cores(places, loading.options.engine.host_policies,
                                      {.usable = loading.thread.before()}));
  NESO_TRY(auto engines, make_engines(loading, encoder, cores, places));
  // All engines of a model share what could be wrong.
  if (encoder != nullptr) NESO_TRY_VOID(compare_references(loading, *engines.front(), *encoder));
  NESO_TRY_VOID(warm_up(loading, parts, engines));
  SchedulerOptions options = scheduler_options(loading, encoder != nullptr, count, metrics);
  options.seats = std::move(seats);
  options.cores = std::move(cores);
  options.deadlines = loading.options.deadlines;
  return Scheduler::start(std::move(engines), options, parts.recorder);
}

std::unique_ptr<const ModelResponses> make_responses(const Loading& loading,
                                                     MetricRegistry& metrics, const Clock& clock) {
  if (!loading.config.response_cache) return nullptr;
  if (!loading.options.responses) {
    log_warning(
        "model '{}': its config turns the response cache on, but the server has none; start it "
        "with "
        "--cache-config=local,size=BYTES",
        loading.source.name);
    return nullptr;
  }
  return std::make_unique<const ModelResponses>(loading.options.responses, labels_of(loading),
                                                metrics, clock);
}

}  // namespace neso
