// SPDX-License-Identifier: Apache-2.0
#include "app/server_listeners.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "api/grpc/grpc_server.h"
#include "api/request_errors.h"
#include "api/triton/infer_request.h"
#include "api/triton/status.h"
#include "api/triton/triton_api.h"
#include "app/version.h"
#include "base/cores.h"
#include "base/log.h"
#include "net/loopback_guard.h"

namespace neso {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// For requests that crossed the decision to close the ports.
constexpr milliseconds kLastRequests{500};
// For a scrape that is under way when everything else is done.
constexpr milliseconds kLastScrape{1000};

// What servers need of the program.
struct Shared {
  MetricRegistry& metrics;
  MemoryBudget& memory;
};

std::function<void(int)> count_refusals(MetricRegistry& metrics, std::string_view api) {
  return [errors = std::make_shared<const RequestErrors>(metrics, api)](int status) {
    errors->count(triton::error_reason(status));
  };
}

net::HttpServerOptions http_options(const ServerOptions& options, const Shared& shared) {
  net::HttpServerOptions http;
  http.memory = &shared.memory;
  http.on_refusal = count_refusals(shared.metrics, "http");
  http.address = options.http_address;
  http.port = options.http_port;
  http.port_hint = "choose another with --http-port";
  http.reuse_port = options.reuse_http_port;
  http.threads = options.http_thread_count != 0 ? options.http_thread_count : usable_cores();
  http.max_body_bytes = options.http_max_input_size;
  http.binary_offset_header = triton::kInferenceHeaderLength;
  http.error_body = [](int, const std::string& sentence) { return triton::error_body(sentence); };
  return http;
}

net::HttpServerOptions metrics_options(const ServerOptions& options, const Shared& shared) {
  net::HttpServerOptions http = http_options(options, shared);
  http.on_refusal = count_refusals(shared.metrics, "metrics");
  http.name = "Metrics Service";
  http.address = options.metrics_address;
  http.port = options.metrics_port;
  http.port_hint = "choose another with --metrics-port";
  http.reuse_port = false;  // a scrape must reach this very process
  http.threads = 1;
  return http;
}

grpc_api::GrpcServerOptions grpc_options(const ServerOptions& options, const Shared& shared) {
  grpc_api::GrpcServerOptions grpc;
  grpc.memory = &shared.memory;
  grpc.errors = std::make_shared<const RequestErrors>(shared.metrics, "grpc");
  grpc.address = options.grpc_address;
  grpc.port = options.grpc_port;
  grpc.port_hint = "choose another with --grpc-port";
  grpc.connections = options.grpc;
  grpc.server_name = options.id;
  grpc.server_version = kTritonVersion;
  return grpc;
}

net::HttpResponse foreign_host(std::string_view address_option) {
  return triton::error_response(
      403,
      fmt::format(
          "this server is for its own machine only: it answers to a Host, and an Origin, of "
          "localhost, 127.x.y.z or [::1], with any port; to serve others, start it with {}=0.0.0.0",
          address_option),
      "application/json");
}

// Refreshes what is counted elsewhere before each scrape.
net::HttpHandler metrics_handler(MetricRegistry& metrics) {
  return
      [dropped = metrics.series("neso_log_dropped_total", MetricKind::Counter,
                                "Log lines that could not be written", {}),
       answer = triton::make_metrics_api(metrics)](net::HttpRequest request, net::Respond respond) {
        dropped->set(static_cast<double>(dropped_log_lines()));
        answer(std::move(request), std::move(respond));
      };
}

}  // namespace

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
    case ErrorCode::AlreadyExists:
      code = "Already exists";
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

Result<Listeners> start_listeners(const ServerOptions& options, Service& service,
                                  MetricRegistry& metrics, MemoryBudget& memory) {
  const Shared shared{metrics, memory};
  Listeners listeners;
  if (options.allow_grpc) {
    auto started = grpc_api::GrpcServer::start(grpc_options(options, shared), service);
    if (!started)
      return Error{started.error().code,
                   "failed to start GRPC service: " + triton_error(started.error())};
    listeners.grpc = std::move(*started);
  }
  if (options.allow_http) {
    triton::TritonApiOptions api;
    api.server_name = options.id;
    api.server_version = kTritonVersion;
    api.max_input_bytes = options.http_max_input_size;
    api.restricted = options.http_restricted;
    auto started = net::HttpServer::start(
        http_options(options, shared),
        net::guard_loopback(options.http_address, foreign_host("--http-address"),
                            triton::make_triton_api(service, api)));
    if (!started)
      return Error{started.error().code,
                   "failed to start HTTP service: " + triton_error(started.error())};
    listeners.http = std::move(*started);
  }
  if (options.allow_metrics) {
    auto started = net::HttpServer::start(
        metrics_options(options, shared),
        net::guard_loopback(options.metrics_address, foreign_host("--metrics-address"),
                            metrics_handler(metrics)));
    if (!started)
      return Error{started.error().code,
                   "failed to start Metrics service: " + triton_error(started.error())};
    listeners.metrics = std::move(*started);
  }
  if (listeners.grpc) {
    log_info("Started GRPCInferenceService at {}:{}", options.grpc_address, listeners.grpc->port());
  }
  if (listeners.http)
    log_info("Started HTTPService at {}:{}", options.http_address, listeners.http->port());
  if (listeners.metrics)
    log_info("Started Metrics Service at {}:{}", options.metrics_address,
             listeners.metrics->port());
  return listeners;
}

bool drain(const ServerOptions& options, Service& service, Listeners& listeners) {
  service.announce_stop();
  if (options.drain_delay_secs > 0) {
    log_info("Not ready any more; serving for another {} s (--drain-delay).",
             options.drain_delay_secs);
    std::this_thread::sleep_for(std::chrono::duration<double>(options.drain_delay_secs));
  }
  log_info("Waiting for in-flight requests to complete.");
  const auto end = Steady::now() + std::chrono::seconds(options.exit_timeout_secs);
  const auto left = [&] {
    return std::max(std::chrono::duration_cast<milliseconds>(end - Steady::now()),
                    milliseconds::zero());
  };
  bool finished = true;
  if (listeners.http) {
    listeners.http->stop_accepting();
    listeners.http->linger(std::min(kLastRequests, left()));
  }
  if (listeners.grpc) listeners.grpc->stop_accepting();
  service.begin_drain();
  if (listeners.http) finished = listeners.http->drain(left());
  if (listeners.grpc) finished = listeners.grpc->drain(left()) && finished;
  if (listeners.metrics) {
    listeners.metrics->stop_accepting();
    listeners.metrics->drain(std::min(kLastScrape, left()));
  }
  return finished;
}

}  // namespace neso
