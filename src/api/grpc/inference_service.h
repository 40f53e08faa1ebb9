// SPDX-License-Identifier: Apache-2.0
// GRPCInferenceService, one method per call: admitted, translated, asked of Service.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <string>

#include "api/grpc/infer_run.h"

namespace neso::grpc_api {

struct ServerName {
  std::string name;     // --id
  std::string version;  // Triton's release whose interface this is
};

std::unique_ptr<::grpc::Service> make_inference_service(const InferPort& port, ServerName server);

}  // namespace neso::grpc_api
