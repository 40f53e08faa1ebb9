// SPDX-License-Identifier: Apache-2.0
// What Service tells about server and models, in the JSON of KServe v2 and its Triton extensions.
// Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "request/requests.h"

namespace neso::triton {

std::string server_metadata_json(std::string_view name, std::string_view version,
                                 std::span<const std::string_view> extensions);
std::string model_metadata_json(const ModelMetadata& metadata);
std::string statistics_json(std::span<const ModelStatistics> models);
std::string index_json(std::span<const IndexEntry> entries);

// The body of POST /v2/repository/index: empty, or {"ready": bool}.
Result<bool> decode_index_request(std::string_view body);

}  // namespace neso::triton
