// SPDX-License-Identifier: Apache-2.0
// grpc.health.v1.Health: serving is what Service::ready() says, whichever service is asked about.
// Unlike Triton's it can be watched.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <chrono>
#include <memory>

#include "api/grpc/call_gate.h"
#include "serving/service.h"

namespace neso::grpc_api {

// `look_every`: how late a watcher may learn of a change. `service` and `gate` outlive the calls.
std::unique_ptr<::grpc::Service> make_health_service(Service& service, CallGate& gate,
                                                     std::chrono::milliseconds look_every);

}  // namespace neso::grpc_api
