// SPDX-License-Identifier: Apache-2.0
// The ports of a server: what answers on each, and how they close.
#pragma once

#include <memory>
#include <string>

#include "api/grpc/grpc_server.h"
#include "base/memory_budget.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/server_options.h"
#include "net/http_server.h"
#include "serving/service.h"

namespace neso {

// "Internal - failed to load all models": the form of Triton's last words.
std::string triton_error(const Error& error);

struct Listeners {
  std::unique_ptr<grpc_api::GrpcServer> grpc;  // null when not allowed
  std::unique_ptr<net::HttpServer> http;       // the same
  std::unique_ptr<net::HttpServer> metrics;    // the same
};

// Opens every port, or none. `service`, `metrics` and `memory` outlive the listeners.
Result<Listeners> start_listeners(const ServerOptions& options, Service& service,
                                  MetricRegistry& metrics, MemoryBudget& memory);

// Stops in the order in which clients notice least: readiness goes first, while everything is still
// served for --drain-delay; then the ports close and what was accepted is finished. False when
// --exit-timeout-secs passed before.
bool drain(const ServerOptions& options, Service& service, Listeners& listeners);

}  // namespace neso
