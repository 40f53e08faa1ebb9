// SPDX-License-Identifier: Apache-2.0
// Trace files in Triton's format, written by a thread of their own. With a log frequency of 0
// traces go into FILE as they end; else into FILE.0, FILE.1, ..., that many in each and the
// remainder in the last; a limited count without a frequency makes one numbered file once its
// traces are there. A file is a complete JSON array whenever somebody looks. When the disk does not
// keep up, or is full, traces are dropped and counted.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "trace/trace.h"

namespace neso {

class TraceFiles final : public TraceSink {
 public:
  // `path` is not looked at before there is a trace to write. `dropped` counts traces.
  static Result<std::shared_ptr<TraceFiles>> start(std::string path,
                                                   std::shared_ptr<Metric> dropped);
  ~TraceFiles() override;

  void take(FinishedTrace trace) noexcept override EXCLUDES(mutex_);
  void ended(const std::shared_ptr<TraceSeries>& series) noexcept override EXCLUDES(mutex_);
  void close() override EXCLUDES(mutex_);

 private:
  using Ended = std::shared_ptr<TraceSeries>;
  using Event = std::variant<FinishedTrace, Ended>;
  // What a series has not written yet.
  struct Pending {
    std::string text;
    size_t traces = 0;       // in it
    uint64_t collected = 0;  // since the series began, with those that left no text
  };

  TraceFiles(std::string path, std::shared_ptr<Metric> dropped);
  void push(Event event) EXCLUDES(mutex_);
  void work() EXCLUDES(mutex_);
  void handle(const FinishedTrace& trace);
  void flush(Pending& pending, bool numbered);
  void append(std::string_view text);
  void write_numbered(std::string_view text);
  void report(std::string_view path, int error_number);

  const std::string path_;
  const std::shared_ptr<Metric> dropped_;

  Mutex mutex_;
  std::condition_variable wake_;
  std::deque<Event> queue_ GUARDED_BY(mutex_);
  size_t queued_bytes_ GUARDED_BY(mutex_) = 0;  // of tensors
  bool closing_ GUARDED_BY(mutex_) = false;
  std::thread thread_;  // joined by close()

  // Of the thread alone, and of close() after it.
  std::map<std::shared_ptr<TraceSeries>, Pending> pending_;
  int descriptor_ = -1;  // of path_, once something was written
  int64_t length_ = 0;   // of path_, without the closing bracket
  uint64_t next_number_ = 0;
  bool failed_ = false;  // said so
};

}  // namespace neso
