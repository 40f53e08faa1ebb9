// SPDX-License-Identifier: Apache-2.0
// The gRPC port: Triton's GRPCInferenceService, health and reflection, on gRPC's own threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "api/request_errors.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "config/grpc_options.h"
#include "serving/service.h"

namespace neso::grpc_api {

struct GrpcServerOptions {
  std::string address = "0.0.0.0";
  uint16_t port = 0;  // 0: any free one, see port()
  // Ends the sentence about a port that is taken, or not ours to take: "choose another with ...".
  std::string port_hint;
  GrpcOptions connections;
  std::string server_name = "triton";  // --id
  std::string server_version;          // Triton's release whose interface this is
  // What messages count against; outlives the server; null: no limit.
  MemoryBudget* memory = nullptr;
  // Counts the calls that are refused; null: nobody does.
  std::shared_ptr<const RequestErrors> errors = {};
  // How late somebody who watches the health may learn of a change.
  std::chrono::milliseconds health_interval{1000};
};

class GrpcServer {
 public:
  // Binds, listens and answers. A taken port is NotReady with Triton's words, the process that has
  // it where that can be seen, and `port_hint`. `service` outlives the server.
  static Result<std::unique_ptr<GrpcServer>> start(const GrpcServerOptions& options,
                                                   Service& service);
  // Cancels what still runs, and waits for it.
  virtual ~GrpcServer() = default;

  virtual uint16_t port() const = 0;
  // Infer requests that come from now on are refused; streams end once what they were asked is
  // answered. Any thread.
  virtual void stop_accepting() = 0;
  // After stop_accepting(): true once every call is over, and the port is closed; waits up to
  // `limit`. Not from a call.
  virtual bool drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace neso::grpc_api
