// SPDX-License-Identifier: Apache-2.0
#include "api/triton/request_trace.h"

#include <utility>

#include "base/clock.h"

namespace neso::triton {

std::shared_ptr<Trace> begin_trace(Tracer& tracer, std::string_view model,
                                   const net::HttpRequest& request) {
  if (!tracer.active()) return nullptr;
  auto trace = tracer.sample(model, parse_trace_context(request.header("traceparent").value_or(""),
                                                        request.header("tracestate").value_or("")));
  if (trace) {
    trace->stamp(TraceEvent::HttpRecvStart, request.received_from_ns);
    trace->stamp(TraceEvent::HttpRecvEnd, request.received_ns);
  }
  return trace;
}

net::Respond traced(net::Respond respond, const std::shared_ptr<Trace>& trace) {
  if (!trace) return respond;
  const auto shared = std::make_shared<net::Respond>(std::move(respond));
  return net::Respond([shared, trace](Result<net::HttpResponse> response) {
    if (!response) return (*shared)(std::move(response));
    trace->stamp(TraceEvent::InferResponseComplete, system_clock().now_ns());
    trace->stamp(TraceEvent::HttpSendStart, system_clock().now_ns());
    response->held_until_sent = std::shared_ptr<const void>(trace.get(), [trace](const void*) {
      trace->stamp(TraceEvent::HttpSendEnd, system_clock().now_ns());
    });
    (*shared)(std::move(response));
  });
}

}  // namespace neso::triton
