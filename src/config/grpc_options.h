// SPDX-License-Identifier: Apache-2.0
// How the gRPC server treats its connections, as the command line says; defaults are Triton's.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace neso {

// What a client must send to reach a group of calls.
struct RequiredHeader {
  std::string key;
  std::string value;
};

inline constexpr std::array<std::string_view, 9> kRestrictableGroups = {
    "health",           "metadata",   "inference", "shared-memory", "model-config",
    "model-repository", "statistics", "trace",     "logging"};

// By group of calls.
using RequiredHeaders = std::map<std::string, RequiredHeader, std::less<>>;

enum class CompressionLevel { None, Low, Medium, High };

struct GrpcOptions {
  bool reuse_port = false;
  CompressionLevel response_compression = CompressionLevel::None;

  bool use_ssl = false;         // also when use_ssl_mutual, after parsing
  bool use_ssl_mutual = false;  // clients show a certificate, too
  std::filesystem::path server_cert;
  std::filesystem::path server_key;
  std::filesystem::path root_cert;

  int keepalive_time_ms = 7'200'000;
  int keepalive_timeout_ms = 20'000;
  bool keepalive_permit_without_calls = false;
  int http2_max_pings_without_data = 2;
  int http2_min_recv_ping_interval_ms = 300'000;
  int http2_max_ping_strikes = 2;
  int max_connection_age_ms = 0;        // 0: for ever
  int max_connection_age_grace_ms = 0;  // the same

  RequiredHeaders restricted;
};

}  // namespace neso
