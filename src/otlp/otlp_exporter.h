// SPDX-License-Identifier: Apache-2.0
// Sends traces to an OpenTelemetry collector, OTLP over HTTP, from a thread of its own: in batches,
// after a delay. While the collector is away, traces are dropped and counted; requests never wait.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "config/trace_options.h"
#include "net/http_client.h"
#include "net/http_url.h"
#include "otlp/otlp_json.h"
#include "trace/trace.h"

namespace neso {

class OtlpExporter final : public TraceSink {
 public:
  // Fails when the URL is none; the collector itself may come later. `dropped` counts traces.
  static Result<std::shared_ptr<OtlpExporter>> start(const OpenTelemetryOptions& options,
                                                     std::shared_ptr<Metric> dropped);
  ~OtlpExporter() override;

  void take(FinishedTrace trace) noexcept override EXCLUDES(mutex_);
  void ended(const std::shared_ptr<TraceSeries>&) noexcept override {}
  // Sends what is there, in one try.
  void close() override EXCLUDES(mutex_);

 private:
  OtlpExporter(const OpenTelemetryOptions& options, net::HttpUrl url,
               std::shared_ptr<Metric> dropped);
  void work() EXCLUDES(mutex_);
  std::vector<FinishedTrace> next_batch() EXCLUDES(mutex_);
  void send(const std::vector<FinishedTrace>& batch);
  Result<> post(const std::string& body);

  const OpenTelemetryOptions options_;
  const net::HttpUrl url_;
  const std::shared_ptr<Metric> dropped_;

  Mutex mutex_;
  std::condition_variable wake_;
  std::deque<FinishedTrace> queue_ GUARDED_BY(mutex_);
  size_t queued_spans_ GUARDED_BY(mutex_) = 0;
  bool closing_ GUARDED_BY(mutex_) = false;
  std::thread thread_;  // joined by close()

  // Of the thread alone.
  OtlpContext context_;
  std::optional<net::Endpoint> endpoint_;  // of the last success
  bool away_ = false;                      // said so
};

}  // namespace neso
