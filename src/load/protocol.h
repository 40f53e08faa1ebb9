// SPDX-License-Identifier: Apache-2.0
// One way of asking a server: the requests it has ready, and callers that send them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "load/call.h"
#include "load/payload.h"
#include "net/client_loop.h"
#include "net/http_url.h"

namespace neso::load {

class Protocol {
 public:
  virtual ~Protocol() = default;
  // Callers send the requests 0 .. request_count() - 1. Any thread.
  virtual size_t request_count() const = 0;
  // For the thread of `loop`, which outlives the caller. Any thread.
  virtual std::unique_ptr<Caller> open(net::ClientLoop& loop, OnOutcome on_outcome) const = 0;
};

struct Target {
  std::string api;
  net::HttpUrl url;
  net::Endpoint endpoint;
  int64_t timeout_ns = 0;
};

// "triton, triton-grpc, ollama, openai, tei"
std::string api_names();
Result<> check_api(std::string_view name);
// Asks the server what it needs to know and makes the requests. Blocks.
Result<std::unique_ptr<Protocol>> open_protocol(const Target& target,
                                                const PayloadOptions& payload);

}  // namespace neso::load
