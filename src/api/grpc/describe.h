// SPDX-License-Identifier: Apache-2.0
// What is served and how it does, as gRPC messages.
#pragma once

#include <grpc_service.pb.h>

#include <span>

#include "request/requests.h"

namespace neso::grpc_api {

void describe(const ModelMetadata& metadata, inference::ModelMetadataResponse& message);
void describe(std::span<const ModelStatistics> models, inference::ModelStatisticsResponse& message);
void describe(std::span<const IndexEntry> entries, inference::RepositoryIndexResponse& message);

}  // namespace neso::grpc_api
