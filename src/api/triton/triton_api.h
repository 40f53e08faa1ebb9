// SPDX-License-Identifier: Apache-2.0
// Triton's HTTP interface over Service: KServe v2 and its extensions, and the metrics port.
#pragma once

#include <cstddef>
#include <string>

#include "base/metrics.h"
#include "config/grpc_options.h"
#include "net/http_message.h"
#include "serving/service.h"

namespace neso::triton {

struct TritonApiOptions {
  std::string server_name = "triton";         // --id
  std::string server_version;                 // Triton's release whose interface this is
  size_t max_input_bytes = size_t{64} << 20;  // --http-max-input-size
  RequiredHeaders restricted = {};            // --http-restricted-api
};

// The handler of the HTTP port. `service` outlives it. What takes longer than a hand-over
// (hand_over.h) is done on Service's workers, the rest on the I/O thread.
net::HttpHandler make_triton_api(Service& service, const TritonApiOptions& options);

// The handler of the metrics port: /metrics answers the registry's text, any other path an empty
// 200, as Triton does.
net::HttpHandler make_metrics_api(const MetricRegistry& metrics);

}  // namespace neso::triton
