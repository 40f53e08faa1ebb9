// SPDX-License-Identifier: Apache-2.0
// What the HTTP APIs share: requests as ready bytes, answers looked at for their rows. An API is
// one small class (http_apis.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "load/protocol.h"
#include "net/http_client.h"

namespace neso::load {

struct HttpBody {
  std::string path;
  std::string content_type = "application/json";
  net::Headers headers = {};
  std::string bytes;
};

class HttpApi {
 public:
  virtual ~HttpApi() = default;
  // The next request; different from those before it.
  virtual Result<HttpBody> next() = 0;
  // How many rows an answer of status 200 holds, told cheaply; -1 when it is no such answer. Any
  // thread.
  virtual int64_t rows_of(std::string_view answer) const = 0;
  // How many it should; 0 when nobody knows.
  virtual int64_t rows() const = 0;
};

// Takes as many different requests from the API as fit: a server that caches answers would
// otherwise be measured by its cache.
Result<std::unique_ptr<Protocol>> make_http_protocol(const Target& target,
                                                     std::unique_ptr<HttpApi> api,
                                                     size_t most_requests);

}  // namespace neso::load
