// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/contain.h"
#include "base/error.h"
#include "base/log.h"
#include "trace/trace_json.h"

namespace neso {
namespace {

constexpr size_t kMaxQueued = 16384;
constexpr size_t kMaxQueuedBytes = size_t{256} << 20;

size_t tensor_bytes(const FinishedTrace& trace) {
  size_t bytes = 0;
  for (const TracePart& part : trace.parts) {
    for (const TracedTensor& traced : part.tensors) bytes += traced.tensor.tensor.bytes().size();
  }
  return bytes;
}

bool write_at(int descriptor, std::string_view text, int64_t offset) {
  while (!text.empty()) {
    const ssize_t count = ::pwrite(descriptor, text.data(), text.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return true;
}

int open_new(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

}  // namespace

TraceFiles::TraceFiles(std::string path, std::shared_ptr<Metric> dropped)
    : path_(std::move(path)), dropped_(std::move(dropped)) {}

Result<std::shared_ptr<TraceFiles>> TraceFiles::start(std::string path,
                                                      std::shared_ptr<Metric> dropped) {
  std::shared_ptr<TraceFiles> files(new TraceFiles(std::move(path), std::move(dropped)));
  try {
    files->thread_ = std::thread([self = files.get()] { self->work(); });
  } catch (const std::system_error& e) {
    return internal_error("cannot start a thread for trace files: {}", e.what());
  }
  return files;
}

TraceFiles::~TraceFiles() {
  close();
}

void TraceFiles::take(FinishedTrace trace) noexcept {
  contain("a finished trace", [&] { push(std::move(trace)); });
}

void TraceFiles::ended(const std::shared_ptr<TraceSeries>& series) noexcept {
  contain("a trace setting", [&] { push(series); });
}

void TraceFiles::push(Event event) {
  {
    MutexLock lock(mutex_);
    if (const auto* trace = std::get_if<FinishedTrace>(&event)) {
      const size_t bytes = tensor_bytes(*trace);
      if (closing_ || queue_.size() >= kMaxQueued || bytes > kMaxQueuedBytes - queued_bytes_) {
        dropped_->add(1);
        return;
      }
      queued_bytes_ += bytes;
    }
    queue_.push_back(std::move(event));
  }
  wake_.notify_one();
}

void TraceFiles::work() {
  for (;;) {
    std::deque<Event> events;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !closing_) lock.wait(wake_);
      if (queue_.empty()) return;
      events.swap(queue_);
    }
    for (Event& event : events) {
      contain("writing a trace", [&] {
        if (const auto* trace = std::get_if<FinishedTrace>(&event)) {
          const size_t bytes = tensor_bytes(*trace);
          handle(*trace);
          MutexLock lock(mutex_);
          queued_bytes_ -= bytes;
        } else if (auto last = pending_.extract(std::get<Ended>(event))) {
          flush(last.mapped(), last.key()->settings.log_frequency != 0);
        }
      });
    }
  }
}

void TraceFiles::handle(const FinishedTrace& trace) {
  const TraceSeries& series = *trace.series;
  Pending& pending = pending_[trace.series];
  ++pending.collected;
  // One that was refused before the queue leaves no trace, as in Triton.
  if (trace.parts.front().at(TraceEvent::QueueStart)) {
    if (!pending.text.empty()) pending.text += ',';
    pending.text += trace_json(trace);
    ++pending.traces;
  }
  const uint32_t frequency = series.settings.log_frequency;
  const bool limited = series.settings.count > 0;
  const bool all = limited && series.remaining == 0 && pending.collected == series.created;
  if (all || (frequency != 0 && pending.traces >= frequency)) {
    flush(pending, true);
  } else if (frequency == 0 && !limited) {
    flush(pending, false);
  }
}

void TraceFiles::flush(Pending& pending, bool numbered) {
  if (pending.text.empty()) return;
  if (numbered) {
    write_numbered(pending.text);
  } else {
    append(pending.text);
  }
  pending.text.clear();
  pending.traces = 0;
}

// The closing bracket is written over by what comes next.
void TraceFiles::append(std::string_view text) {
  if (descriptor_ < 0) descriptor_ = open_new(path_);
  std::string bytes(length_ == 0 ? "[" : ",");
  bytes += text;
  const auto grown = static_cast<int64_t>(bytes.size());
  bytes += ']';
  if (descriptor_ < 0 || !write_at(descriptor_, bytes, length_)) return report(path_, errno);
  length_ += grown;
}

void TraceFiles::write_numbered(std::string_view text) {
  const std::string path = path_ + "." + std::to_string(next_number_++);
  const int descriptor = open_new(path);
  const bool written = descriptor >= 0 && write_at(descriptor, "[" + std::string(text) + "]", 0);
  const int error_number = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!written) report(path, error_number);
}

void TraceFiles::report(std::string_view path, int error_number) {
  dropped_->add(1);
  if (std::exchange(failed_, true)) return;
  log_error(
      "failed creating trace file: '{}' cannot be written: {}; further failures are counted "
      "in neso_traces_dropped_total",
      path, std::generic_category().message(error_number));
}

void TraceFiles::close() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (!thread_.joinable()) return;
  thread_.join();
  for (auto& [series, pending] : pending_) flush(pending, series->settings.log_frequency != 0);
  pending_.clear();
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace neso
