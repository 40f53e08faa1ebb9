// SPDX-License-Identifier: Apache-2.0
#include "trace/trace.h"

#include <algorithm>
#include <array>
#include <utility>

namespace neso {

namespace {

constexpr size_t kEvents = 16;

}  // namespace

std::string_view to_string(TraceEvent event) {
  constexpr std::array<std::string_view, kEvents> kNames = {
      "HTTP_RECV_START",      "HTTP_RECV_END",     "HTTP_SEND_START", "HTTP_SEND_END",
      "GRPC_WAITREAD_START",  "GRPC_WAITREAD_END", "GRPC_SEND_START", "GRPC_SEND_END",
      "REQUEST_START",        "QUEUE_START",       "COMPUTE_START",   "COMPUTE_INPUT_END",
      "COMPUTE_OUTPUT_START", "COMPUTE_END",       "REQUEST_END",     "INFER_RESPONSE_COMPLETE"};
  return kNames[static_cast<size_t>(event)];
}

std::string_view to_string(TensorEvent event) {
  constexpr std::array<std::string_view, 3> kNames = {"TENSOR_QUEUE_INPUT", "TENSOR_BACKEND_INPUT",
                                                      "TENSOR_BACKEND_OUTPUT"};
  return kNames[static_cast<size_t>(event)];
}

std::optional<int64_t> TracePart::at(TraceEvent event) const {
  const auto found = std::ranges::find(stamps, event, &TraceStamp::event);
  return found == stamps.end() ? std::nullopt : std::optional(found->ns);
}

struct Trace::Whole {
  Whole(std::shared_ptr<TraceSeries> of, std::optional<TraceContext> begun_by,
        std::shared_ptr<TraceSink> to, std::atomic<uint64_t>& numbers)
      : sink(std::move(to)), ids(numbers), level(of->settings.level) {
    finished.series = std::move(of);
    finished.caller = std::move(begun_by);
  }
  ~Whole() { sink->take(std::move(finished)); }
  Whole(const Whole&) = delete;
  Whole& operator=(const Whole&) = delete;

  TracePart& add_part(uint64_t parent) REQUIRES(mutex) {
    TracePart& part = finished.parts.emplace_back(TracePart{.id = ++ids, .parent_id = parent});
    part.stamps.reserve(kEvents);  // so that a stamp needs no memory
    return part;
  }

  const std::shared_ptr<TraceSink> sink;
  std::atomic<uint64_t>& ids;
  const TraceLevel level;
  Mutex mutex;
  FinishedTrace finished GUARDED_BY(mutex);
};

std::shared_ptr<Trace> Trace::begin(std::shared_ptr<TraceSeries> series,
                                    std::optional<TraceContext> caller,
                                    std::shared_ptr<TraceSink> sink, std::atomic<uint64_t>& ids) {
  auto whole = std::make_shared<Whole>(std::move(series), std::move(caller), std::move(sink), ids);
  MutexLock lock(whole->mutex);
  return std::shared_ptr<Trace>(new Trace(whole, whole->add_part(0)));
}

std::shared_ptr<Trace> Trace::child() {
  MutexLock lock(whole_->mutex);
  return std::shared_ptr<Trace>(new Trace(whole_, whole_->add_part(part_.id)));
}

void Trace::reached(std::string_view model, int64_t version, std::string_view request_id,
                    int64_t now_ns) {
  MutexLock lock(whole_->mutex);
  part_.model = model;
  part_.version = version;
  part_.request_id = request_id;
  part_.stamps.push_back({TraceEvent::RequestStart, now_ns});
}

void Trace::stamp(TraceEvent event, int64_t ns) {
  MutexLock lock(whole_->mutex);
  part_.stamps.push_back({event, ns});
}

void Trace::computed(int64_t start_ns, int64_t input_end_ns, int64_t output_start_ns,
                     int64_t end_ns) {
  const TraceStamp stamps[] = {{TraceEvent::ComputeStart, start_ns},
                               {TraceEvent::ComputeInputEnd, input_end_ns},
                               {TraceEvent::ComputeOutputStart, output_start_ns},
                               {TraceEvent::ComputeEnd, end_ns}};
  MutexLock lock(whole_->mutex);
  for (const TraceStamp& stamp : stamps) {
    const auto known = std::ranges::find(part_.stamps, stamp.event, &TraceStamp::event);
    if (known == part_.stamps.end()) {
      part_.stamps.push_back(stamp);
    } else if (stamp.event == TraceEvent::ComputeStart ||
               stamp.event == TraceEvent::ComputeInputEnd) {
      known->ns = std::min(known->ns, stamp.ns);
    } else {
      known->ns = std::max(known->ns, stamp.ns);
    }
  }
}

void Trace::tensors(TensorEvent event, std::span<const NamedTensor> tensors) {
  if (!whole_->level.tensors) return;
  MutexLock lock(whole_->mutex);
  for (const NamedTensor& tensor : tensors) part_.tensors.push_back({event, tensor});
}

}  // namespace neso
