// SPDX-License-Identifier: Apache-2.0
// `neso serve`, also called `tritonserver`: models of a repository over HTTP and gRPC. Order of
// starting and stopping, log lines and exit statuses are Triton's.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/command.h"
#include "app/heap.h"
#include "app/server_listeners.h"
#include "app/server_tables.h"
#include "app/termination.h"
#include "app/trace_sink.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/idle_trim.h"
#include "base/log.h"
#include "base/machine_metrics.h"
#include "base/memory_budget.h"
#include "base/memory_limit.h"
#include "base/metrics.h"
#include "config/cache_folder.h"
#include "config/environment.h"
#include "config/server_options.h"
#include "gpu/gpu_metrics.h"
#include "model/model.h"
#include "repository/repository.h"
#include "repository/repository_poller.h"
#include "request/response_cache.h"
#include "scheduling/rate_limiter.h"
#include "scheduling/result_cache.h"
#include "serving/service.h"
#include "simd/cpu.h"
#include "trace/tracer.h"

namespace neso {
namespace {

// A line to paste, for the first model that takes texts.
void suggest_a_request(const Repository& repository, const Listeners& listeners) {
  if (!listeners.http) return;
  for (const std::shared_ptr<Model>& model : repository.models()) {
    if (!model->embedding_width()) continue;
    write_log_block(
        "Try it:",
        fmt::format(
            R"(curl -s localhost:{}/v2/models/{}/infer -d '{{"inputs":[{{"name":"text",)"
            R"("datatype":"BYTES","shape":[1,1],"data":["where is the retry logic?"]}}]}}')",
            listeners.http->port(), model->name()));
    return;
  }
}

// Triton's dashboards ask for them; without a GPU there is no such pool.
std::vector<std::shared_ptr<MetricSeries>> publish_pinned_memory(MetricRegistry& metrics) {
  return {metrics.series("nv_pinned_memory_pool_total_bytes", MetricKind::Gauge,
                         "Pinned memory pool total memory size, in bytes", {}),
          metrics.series("nv_pinned_memory_pool_used_bytes", MetricKind::Gauge,
                         "Pinned memory pool used memory size, in bytes", {})};
}

// The option, or 80 % of what the system allows: the rest is for the program itself and for what
// estimates miss.
uint64_t memory_budget_bytes(const ServerOptions& options) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  if (options.memory_budget_mb != 0) {
    log_info("memory budget: {} MiB, as --memory-budget-mb says", options.memory_budget_mb);
    return options.memory_budget_mb * kMiB;
  }
  const MemoryLimit limit = memory_limit(memory_facts());
  if (limit.bytes == MemoryBudget::kUnlimited) return limit.bytes;
  const uint64_t bytes = limit.bytes / 5 * 4;
  log_info("memory budget: {} MiB, 80 % of {}", bytes / kMiB, limit.source);
  return bytes;
}

Result<RepositoryOptions> repository_options(const ServerOptions& options, MemoryBudget& memory) {
  RepositoryOptions repository;
  NESO_TRY(repository.engine.precision, parse_precision_choice(options.precision));
  NESO_TRY_VOID(choose_isa(options.isa));
  repository.engine.isa = options.isa;
  repository.engine.host_policies = options.host_policies;
  repository.memory = &memory;
  if (const auto cache = cache_folder(process_environment()))
    repository.load_marks_folder = *cache / "loading";
  repository.folders.assign(options.model_repositories.begin(), options.model_repositories.end());
  if (options.model_control_mode == "poll") repository.control = ModelControl::Poll;
  if (options.model_control_mode == "explicit") repository.control = ModelControl::Explicit;
  repository.startup_models = options.load_models;
  repository.auto_complete_config = options.auto_complete_config;
  repository.model_config_name = options.model_config_name;
  repository.load_threads = options.model_load_thread_count;
  repository.engine.onnx_runtime_library = options.onnx_runtime_library;
  repository.default_max_batch_size = options.default_max_batch_size;
  if (options.rate_limit)
    repository.rate_limiter = std::make_shared<RateLimiter>(options.rate_limit_resources);
  return repository;
}

// The main thread has nothing else to do than to look whether the server rests.
int wait_and_give_memory_back(const MemoryBudget& memory, const Clock& clock) {
  constexpr std::chrono::seconds kLook{1};
  constexpr std::chrono::nanoseconds kRest = std::chrono::seconds(5);
  IdleTrim trim(kRest.count());
  return wait_for_termination(kLook, [&] {
    if (memory.held_by_requests() >= IdleTrim::kWorkBytes) return;  // long work
    if (trim.due(memory.given_back(), clock.now_ns())) give_free_memory_back();
  });
}

// Triton prints its line on standard output; ours belongs to the log.
void announce_signal(bool as_triton, int signal) {
  if (as_triton) {
    fmt::print("Signal ({}) received.\n", signal);
    std::fflush(stdout);
  } else {
    log_info("Signal ({}) received: stopping; a second one ends the process at once.", signal);
  }
}

// The machine's CPUs and GPUs, as far as they are wanted.
std::vector<std::shared_ptr<MetricSeries>> publish_machine(const ServerOptions& options,
                                                           MetricRegistry& metrics) {
  const auto interval_ns = static_cast<int64_t>(options.metrics_interval_ms * 1e6);
  std::vector<std::shared_ptr<MetricSeries>> series;
  if (options.allow_cpu_metrics)
    series = publish_machine_metrics(metrics, system_clock(), interval_ns);
  // Without a reader the driver need not start.
  if (!options.allow_gpu_metrics || !options.allow_metrics) return series;
  auto gpus = publish_gpu_metrics(metrics, system_clock(), interval_ns);
  series.insert(series.end(), gpus.begin(), gpus.end());
  return series;
}

Result<> serve(const ServerOptions& options, bool as_triton) {
  NESO_TRY_VOID(set_log_settings(options.log));
  for (const std::string& note : options.notes) log_warning("{}", note);
  for (const std::string& note :
       unknown_variable_notes(process_variables(kVariablePrefix), process_environment()))
    log_warning("{}", note);
  if (options.model_repositories.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 "creating server: Invalid argument - --model-repository must be specified"};
  }
  limit_kept_memory();
  if (memory_facts().address_space) save_address_space();
  MetricRegistry metrics(options.metrics);
  MemoryBudget memory(memory_budget_bytes(options));
  memory.publish(metrics);
  const auto pinned = publish_pinned_memory(metrics);
  const auto machine = publish_machine(options, metrics);
  NESO_TRY(RepositoryOptions how, repository_options(options, memory));
  if (options.result_cache_bytes != 0)
    how.results = std::make_shared<ResultCache>(options.result_cache_bytes, &memory);
  if (options.response_cache_bytes != 0) {
    how.responses = std::make_shared<ResponseCache>(options.response_cache_bytes, &memory, metrics);
  }
  auto repository = Repository::open(how, metrics, system_clock());
  if (!repository)
    return Error{repository.error().code, "creating server: " + triton_error(repository.error())};
  write_log_block("", model_table((*repository)->status_rows()));
  write_log_block("", option_table_text(options));
  if (options.exit_on_error && !(*repository)->all_ready()) {
    return internal_error("creating server: Internal - failed to load all models{}",
                          failed_models((*repository)->status_rows()));
  }
  NESO_TRY(auto trace_sink, make_trace_sink(options.trace, metrics));
  Tracer tracer(options.trace, std::move(trace_sink));
  NESO_TRY(auto service,
           Service::create(**repository, {.strict_readiness = options.strict_readiness,
                                          .memory = &memory,
                                          .allow_client_shared_memory = options.allow_client_shm,
                                          .tracer = &tracer}));
  std::unique_ptr<RepositoryPoller> poller;
  if (options.model_control_mode == "poll" && options.repository_poll_secs > 0) {
    NESO_TRY(poller, RepositoryPoller::start(**repository,
                                             std::chrono::seconds(options.repository_poll_secs)));
  }
  stop_on_termination();  // before a request can come in
  NESO_TRY(Listeners listeners, start_listeners(options, *service, metrics, memory));
  suggest_a_request(**repository, listeners);
  announce_signal(as_triton, wait_and_give_memory_back(memory, system_clock()));
  // Also for what runs on when its client has left: a long text, a slow graph.
  exit_out_of_time_after(options.exit_timeout_secs +
                         static_cast<int>(std::ceil(options.drain_delay_secs)));
  poller = nullptr;
  if (!drain(options, *service, listeners)) exit_out_of_time();
  (*repository)->stop();
  log_info("All models are stopped.");
  return {};
}

}  // namespace

int run_serve(std::string_view program, CommandWords words) {
  exit_on_termination();
  const std::string_view synopsis = program == "neso serve" ? program : "tritonserver";
  const ServerCommand command =
      parse_server_options(program, synopsis, words, process_environment());
  if (command.outcome == ParsedOptions::Outcome::Help && program == "neso serve") {
    fmt::print("{}", command.text);
    return 0;
  }
  if (command.outcome != ParsedOptions::Outcome::Run) {
    fmt::print(stderr, "{}", command.text);
    return kExitFailure;
  }
  for (const std::string& warning : command.options.warnings) fmt::print(stderr, "{}\n", warning);
  if (auto served = serve(command.options, program != "neso serve"); !served) {
    if (!command.options.log.file.empty()) log_error("{}", served.error().message);
    fmt::print(stderr, "error: {}\n", served.error().message);
    return kExitFailure;
  }
  return 0;
}

}  // namespace neso
