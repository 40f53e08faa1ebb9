// SPDX-License-Identifier: Apache-2.0
// `neso serve`, also called `tritonserver`: models of a repository over HTTP. Order of starting and
// stopping, log lines and exit statuses are Triton's.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "api/triton/status.h"
#include "api/triton/triton_api.h"
#include "app/command.h"
#include "app/server_tables.h"
#include "app/termination.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "config/environment.h"
#include "config/server_options.h"
#include "net/http_server.h"
#include "net/loopback_guard.h"
#include "serving/model.h"
#include "serving/repository.h"
#include "serving/service.h"

namespace neso {
namespace {

using std::chrono::milliseconds;

// "Internal - failed to load all models": the form of Triton's last words.
std::string triton_error(const Error& error) {
  const char* code = "Internal";
  switch (error.code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::TooLarge:
      code = "Invalid argument";
      break;
    case ErrorCode::NotFound:
      code = "Not found";
      break;
    case ErrorCode::Unsupported:
      code = "Unsupported";
      break;
    case ErrorCode::Overloaded:
    case ErrorCode::NotReady:
    case ErrorCode::DeadlineExceeded:
      code = "Unavailable";
      break;
    case ErrorCode::Cancelled:
      code = "Cancelled";
      break;
    case ErrorCode::Internal:
      break;
  }
  return fmt::format("{} - {}", code, error.message);
}

struct Listeners {
  std::unique_ptr<net::HttpServer> http;
  std::unique_ptr<net::HttpServer> metrics;
};

net::HttpServerOptions http_options(const ServerOptions& options) {
  net::HttpServerOptions http;
  http.address = options.http_address;
  http.port = options.http_port;
  http.reuse_port = options.reuse_http_port;
  http.threads = options.http_thread_count;
  http.max_body_bytes = options.http_max_input_size;
  http.error_body = [](int, const std::string& sentence) { return triton::error_body(sentence); };
  return http;
}

net::HttpResponse foreign_host() {
  return triton::error_response(403,
                                "this server is for its own machine only; to serve others, start "
                                "it with --http-address=0.0.0.0",
                                "application/json");
}

Result<Listeners> start_listeners(const ServerOptions& options, Service& service,
                                  const MetricRegistry& metrics) {
  Listeners listeners;
  if (options.allow_http) {
    triton::TritonApiOptions api;
    api.server_name = options.id;
    api.server_version = kTritonVersion;
    api.max_input_bytes = options.http_max_input_size;
    auto started = net::HttpServer::start(
        http_options(options), net::guard_loopback(options.http_address, foreign_host(),
                                                   triton::make_triton_api(service, api)));
    if (!started)
      return Error{started.error().code,
                   "failed to start HTTP service: " + triton_error(started.error())};
    listeners.http = std::move(*started);
    log_info("Started HTTPService at {}:{}", options.http_address, listeners.http->port());
  }
  if (options.allow_metrics) {
    net::HttpServerOptions http = http_options(options);
    http.name = "Metrics Service";
    http.address = options.metrics_address;
    http.port = options.metrics_port;
    http.threads = 1;
    auto started =
        net::HttpServer::start(http, net::guard_loopback(options.metrics_address, foreign_host(),
                                                         triton::make_metrics_api(metrics)));
    if (!started)
      return Error{started.error().code,
                   "failed to start Metrics service: " + triton_error(started.error())};
    listeners.metrics = std::move(*started);
    log_info("Started Metrics Service at {}:{}", options.metrics_address,
             listeners.metrics->port());
  }
  return listeners;
}

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

// Finishes what was accepted, within the limit. False when time ran out.
bool shut_down(const ServerOptions& options, Service& service, Listeners& listeners) {
  log_info("Waiting for in-flight requests to complete.");
  service.begin_drain();
  if (listeners.http) listeners.http->stop_accepting();
  const bool drained =
      !listeners.http || listeners.http->drain(milliseconds(options.exit_timeout_secs * 1000));
  if (listeners.metrics) listeners.metrics->stop_accepting();
  return drained;
}

RepositoryOptions repository_options(const ServerOptions& options) {
  RepositoryOptions repository;
  repository.folders.assign(options.model_repositories.begin(), options.model_repositories.end());
  repository.auto_complete_config = options.auto_complete_config;
  repository.model_config_name = options.model_config_name;
  repository.load_threads = options.model_load_thread_count;
  repository.onnx_runtime_library = options.onnx_runtime_library;
  repository.default_max_batch_size = options.default_max_batch_size;
  return repository;
}

Result<> serve(const ServerOptions& options) {
  NESO_TRY_VOID(set_log_settings(options.log));
  for (const std::string& note : options.notes) log_warning("{}", note);
  if (options.model_repositories.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 "creating server: Invalid argument - --model-repository must be specified"};
  }
  MetricRegistry metrics;
  auto repository = Repository::open(repository_options(options), metrics, system_clock());
  if (!repository)
    return Error{repository.error().code, "creating server: " + triton_error(repository.error())};
  write_log_block("", model_table((*repository)->status_rows()));
  write_log_block("", option_table_text(options));
  if (options.exit_on_error && !(*repository)->all_ready()) {
    return internal_error("creating server: Internal - failed to load all models");
  }
  NESO_TRY(auto service, Service::create(**repository, metrics, system_clock(),
                                         {.strict_readiness = options.strict_readiness}));
  NESO_TRY(Listeners listeners, start_listeners(options, *service, metrics));
  suggest_a_request(**repository, listeners);

  const int signal = wait_for_termination();
  fmt::print("Signal ({}) received.\n", signal);
  std::fflush(stdout);
  exit_on_next_termination();
  if (!shut_down(options, *service, listeners)) {
    return internal_error(
        "failed to stop server: Internal - Exit timeout expired. Exiting immediately.");
  }
  (*repository)->stop();
  log_info("All models are stopped.");
  return {};
}

}  // namespace

int run_serve(std::string_view program, CommandWords words) {
  block_termination_signals();
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
  if (auto served = serve(command.options); !served) {
    fmt::print(stderr, "error: {}\n", served.error().message);
    return kExitFailure;
  }
  return 0;
}

}  // namespace neso
