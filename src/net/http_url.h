// SPDX-License-Identifier: Apache-2.0
// The address of a server that is to be asked: http://HOST[:PORT][/PREFIX].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace neso::net {

struct HttpUrl {
  std::string host;  // name or numeric address, an IPv6 one without its brackets
  uint16_t port = 80;
  std::string authority;  // as a Host header has it
  std::string path;       // what stands in front of every path: "" or "/prefix"
};

// "http://" may be left out. Anything but plain HTTP is Unsupported.
Result<HttpUrl> parse_http_url(std::string_view url);

// A numeric address and a port.
struct Endpoint {
  std::string address;
  uint16_t port = 0;
};

// Resolves the host and takes the first of its addresses that accepts a connection, which is closed
// again. NotReady when none does: the sentence has the reason of the last. Blocks.
Result<Endpoint> find_endpoint(const HttpUrl& url);

}  // namespace neso::net
