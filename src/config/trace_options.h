// SPDX-License-Identifier: Apache-2.0
// What is traced and where traces go, as --trace-config says; defaults are Triton's.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace neso {

enum class TraceMode { Triton, OpenTelemetry };

struct TraceLevel {
  bool timestamps = false;
  bool tensors = false;
  bool off() const { return !timestamps && !tensors; }
  friend bool operator==(const TraceLevel&, const TraceLevel&) = default;
};

// What clients may change while the server runs.
struct TraceSettings {
  TraceLevel level;
  uint32_t rate = 1000;        // every n-th request; 0: those whose client traces, too
  int32_t count = -1;          // traces still to come; -1: any number
  uint32_t log_frequency = 0;  // traces in a numbered file; 0: one file for all
  friend bool operator==(const TraceSettings&, const TraceSettings&) = default;
};

struct OpenTelemetryOptions {
  std::string url = "http://localhost:4318/v1/traces";
  std::map<std::string, std::string> resource = {{"service.name", "triton-inference-server"}};
  uint32_t max_queue_size = 2048;  // spans
  uint32_t schedule_delay_ms = 5000;
  uint32_t max_export_batch_size = 512;  // spans
};

struct TraceOptions {
  TraceSettings settings;
  TraceMode mode = TraceMode::Triton;
  std::string file;  // of mode Triton; empty: nothing is traced
  OpenTelemetryOptions open_telemetry;
};

}  // namespace neso
