// SPDX-License-Identifier: Apache-2.0
// The command line of the server: every option of tritonserver, and ours. Flags come before
// environment variables (NESO_HTTP_PORT), these before defaults. The rows are in
// server_options*.cc, one function per section.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "config/environment.h"
#include "config/grpc_options.h"
#include "config/host_policy.h"
#include "config/option_table.h"
#include "config/rate_limits.h"
#include "config/trace_options.h"

namespace neso {

struct ServerOptions {
  std::string id = "triton";
  int exit_timeout_secs = 30;
  double drain_delay_secs = 0;
  LogSettings log;

  std::vector<std::string>
      model_repositories;  // sorted, without duplicates; may be empty, see parse_server_options
  bool exit_on_error = true;
  bool strict_readiness = true;
  bool auto_complete_config = true;
  std::string model_config_name;
  std::string model_control_mode = "none";
  int repository_poll_secs = 15;
  std::vector<std::string> load_models;
  size_t model_load_thread_count = 4;
  bool rate_limit = false;  // --rate-limit=execution_count
  std::vector<ResourceLimit> rate_limit_resources;
  HostPolicies host_policies;

  bool allow_http = true;
  std::string http_address = "0.0.0.0";
  uint16_t http_port = 8000;  // 0, here and below: any free port
  bool reuse_http_port = false;
  size_t http_thread_count = 0;                   // 0: one per core
  size_t http_max_input_size = size_t{64} << 20;  // bytes
  RequiredHeaders http_restricted;

  bool allow_grpc = true;
  std::string grpc_address = "0.0.0.0";
  uint16_t grpc_port = 8001;
  GrpcOptions grpc;

  TraceOptions trace;

  bool allow_client_shm = true;

  bool allow_metrics = true;
  std::string metrics_address;  // after parsing never empty: as http_address unless given
  uint16_t metrics_port = 8002;
  bool allow_gpu_metrics = true;
  bool allow_cpu_metrics = true;
  double metrics_interval_ms = 2000;
  MetricSettings metrics;

  // --backend-config by backend, then setting; the backend "" holds what is meant for all of them.
  std::map<std::string, std::map<std::string, std::string>, std::less<>> backend_config;
  int64_t default_max_batch_size = 4;  // onnxruntime's default-max-batch-size out of backend_config

  std::filesystem::path onnx_runtime_library;  // empty: searched for
  std::string precision = "auto";              // of our own engine
  std::string isa;                             // empty: the best of the CPU
  size_t memory_budget_mb = 0;                 // MiB; 0: 80 % of what the system allows
  uint64_t response_cache_bytes = 0;           // of --cache-config; 0: no response cache
  uint64_t result_cache_bytes = 0;             // 0: no vectors are kept

  // For standard error at the start: deprecated options, in Triton's words.
  std::vector<std::string> warnings;
  // For the log: one sentence per option that was given and has no effect, with the reason, and
  // what together leaves less than one expects.
  std::vector<std::string> notes;

  // The setting of a backend, or else the one for all backends.
  std::optional<std::string_view> backend_setting(std::string_view backend,
                                                  std::string_view setting) const;
};

struct ServerCommand {
  ParsedOptions::Outcome outcome = ParsedOptions::Outcome::Run;
  std::string text;  // unless Run: to be printed on standard error; Triton exits with 1 for both
  ServerOptions options;  // valid when Run
};

// `program` is argv[0] as typed, `synopsis_name` what the usage calls it ("tritonserver", "neso
// serve"); `words` are the arguments after it. Options are checked against each other too, but
// nothing outside is looked at: a missing
// --model-repository is refused where the server is created, in Triton's words.
ServerCommand parse_server_options(std::string_view program, std::string_view synopsis_name,
                                   std::span<const char* const> words,
                                   const Environment& environment);

// A sentence for each of the process's variables (those that start with NESO_) that is no option,
// with the nearest one. `environment` tells what Kubernetes has set from what a user has.
std::vector<std::string> unknown_variable_notes(const std::vector<std::string>& variables,
                                                const Environment& environment);

// The whole of docs/options.md.
std::string server_options_markdown();

}  // namespace neso
