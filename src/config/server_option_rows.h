// SPDX-License-Identifier: Apache-2.0
// Inside config/: the rows of the server's options, by section, and what they fill before it is
// checked as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/server_options.h"

namespace neso {

struct ServerDraft {
  ServerOptions options;
  bool disable_auto_complete_config = false;
  std::optional<bool> strict_model_config;
  bool cache_config_given = false;
  bool response_cache_byte_size_given = false;
};

inline constexpr int64_t kMaxPort = 65535;

// Reasons that more than one section gives.
inline constexpr std::string_view kNoGpu = "GPUs are left to ONNX Runtime";

// The rows write into `draft`, which outlives the table. Sections are in Triton's order.
OptionTable server_option_table(std::string synopsis, ServerDraft& draft);

// server_option_rows_metrics.cc
OptionSection metrics_section(ServerOptions& options);
// server_option_rows_grpc.cc
OptionSection grpc_section(ServerDraft& draft);
// server_option_rows_triton.cc: sections of which nothing, or little, has a counterpart here.
OptionSection sagemaker_section();
OptionSection vertex_section();
OptionSection backend_section(ServerDraft& draft);
OptionSection repository_agent_section();
OptionSection response_cache_section(ServerDraft& draft);
OptionSection rate_limiter_section(ServerOptions& o);
OptionSection memory_section(ServerOptions& options);
// server_option_rows_tracing.cc
OptionSection tracing_section(ServerOptions& options);
OptionValue trace_level_value(TraceLevel& level);
// server_option_rows_deprecated.cc
OptionSection deprecated_section(ServerDraft& draft);

}  // namespace neso
