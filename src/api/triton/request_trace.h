// SPDX-License-Identifier: Apache-2.0
// A sampled HTTP request: taken over from its client's trace, and stamped when it was received and
// when its answer was sent.
#pragma once

#include <memory>
#include <string_view>

#include "net/http_message.h"
#include "trace/tracer.h"

namespace neso::triton {

// Null when the request is not sampled.
std::shared_ptr<Trace> begin_trace(Tracer& tracer, std::string_view model,
                                   const net::HttpRequest& request);

// Keeps the trace until the answer's last byte is written, or its connection is gone.
net::Respond traced(net::Respond respond, const std::shared_ptr<Trace>& trace);

}  // namespace neso::triton
