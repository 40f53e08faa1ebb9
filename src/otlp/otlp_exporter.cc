// SPDX-License-Identifier: Apache-2.0
#include "otlp/otlp_exporter.h"

#include <random>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/contain.h"
#include "base/error.h"
#include "base/log.h"

namespace neso {
namespace {

constexpr int64_t kTimeoutNs = 10'000'000'000;  // OTLP's default

std::function<uint64_t()> random_ids() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device()};
  return [engine = std::mt19937_64(seed)]() mutable { return engine(); };
}

}  // namespace

OtlpExporter::OtlpExporter(const OpenTelemetryOptions& options, net::HttpUrl url,
                           std::shared_ptr<Metric> dropped)
    : options_(options),
      url_(std::move(url)),
      dropped_(std::move(dropped)),
      context_{.resource = options.resource,
               .wall_offset_ns = system_clock().wall_us() * 1000 - system_clock().now_ns(),
               .random = random_ids()} {}

Result<std::shared_ptr<OtlpExporter>> OtlpExporter::start(const OpenTelemetryOptions& options,
                                                          std::shared_ptr<Metric> dropped) {
  auto url = net::parse_http_url(options.url);
  if (!url) return url.error().with_context("--trace-config opentelemetry,url");
  std::shared_ptr<OtlpExporter> exporter(
      new OtlpExporter(options, *std::move(url), std::move(dropped)));
  try {
    exporter->thread_ = std::thread([self = exporter.get()] { self->work(); });
  } catch (const std::system_error& e) {
    return internal_error("cannot start a thread for exporting traces: {}", e.what());
  }
  return exporter;
}

OtlpExporter::~OtlpExporter() {
  close();
}

void OtlpExporter::take(FinishedTrace trace) noexcept {
  contain("a finished trace", [&] {
    const size_t spans = span_count(trace);
    {
      MutexLock lock(mutex_);
      if (closing_ || queued_spans_ + spans > options_.max_queue_size) {
        dropped_->add(1);
        return;
      }
      queued_spans_ += spans;
      queue_.push_back(std::move(trace));
    }
    wake_.notify_one();
  });
}

void OtlpExporter::work() {
  for (bool more = true; more;) {
    contain("exporting traces", [&] {
      const auto batch = next_batch();
      more = !batch.empty();
      if (more) send(batch);
    });
  }
}

// Waits for a full batch, or for as long as its first trace may wait; empty: there is nothing more
// to come.
std::vector<FinishedTrace> OtlpExporter::next_batch() {
  MutexLock lock(mutex_);
  while (queue_.empty() && !closing_) lock.wait(wake_);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.schedule_delay_ms);
  while (queued_spans_ < options_.max_export_batch_size && !closing_) {
    if (!lock.wait_until(wake_, end)) break;
  }
  if (closing_ && away_) {  // the last ones have had their try
    dropped_->add(static_cast<double>(queue_.size()));
    queue_.clear();
    return {};
  }
  std::vector<FinishedTrace> batch;
  size_t spans = 0;
  while (!queue_.empty()) {
    const size_t next = span_count(queue_.front());
    if (!batch.empty() && spans + next > options_.max_export_batch_size) break;
    spans += next;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_spans_ -= spans;
  return batch;
}

void OtlpExporter::send(const std::vector<FinishedTrace>& batch) {
  const auto sent = post(otlp_json(batch, context_));
  if (sent) {
    if (std::exchange(away_, false))
      log_info("traces reach the OpenTelemetry collector at {} again", options_.url);
    return;
  }
  dropped_->add(static_cast<double>(batch.size()));
  if (std::exchange(away_, true)) return;
  log_warning(
      "traces do not reach the OpenTelemetry collector at {}: {}; until they do they are dropped, "
      "and counted in neso_traces_dropped_total",
      options_.url, sent.error().message);
}

Result<> OtlpExporter::post(const std::string& body) {
  if (!endpoint_) {
    NESO_TRY(endpoint_, net::find_endpoint(url_));
  }
  const net::HttpCall call{.method = "POST",
                           .path = url_.path.empty() ? "/" : "",
                           .headers = {{"Content-Type", "application/json"}},
                           .body = body};
  const auto answer = net::http_ask(url_, *endpoint_, call, kTimeoutNs);
  if (!answer) {
    endpoint_.reset();  // it may have moved
    return answer.error();
  }
  if (answer->status / 100 != 2) return not_ready("it answered with status {}", answer->status);
  return {};
}

void OtlpExporter::close() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace neso
