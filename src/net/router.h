// SPDX-License-Identifier: Apache-2.0
// Which handler answers a request: a table of (method, pattern) -> handler, compiled once into a
// tree of path segments. A dialect builds one from its route table; what to say about an unknown
// path or method is the dialect's as well, so several routers chain by giving the next one as
// `not_found`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_message.h"

namespace neso::net {

// The values of a pattern's {segments}, as sent: nothing is percent-decoded.
class PathParameters {
 public:
  // Empty when the pattern has no such segment; a matched one is never empty. The view lives as
  // long as this object.
  std::string_view operator[](std::string_view name) const;
  void add(std::string name, std::string value);
  size_t size() const { return values_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

// Called on an I/O thread, as an HttpHandler is.
using RouteHandler = std::function<void(HttpRequest, PathParameters, Respond)>;

// Asked before a request's method is looked at: an answer refuses it.
using RouteGate = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

struct Route {
  std::string method;   // "GET"; methods are case-sensitive
  std::string pattern;  // "/v2/models/{model}/versions/{version:digits}/infer"
  RouteHandler handler;
  // Guards the whole path, whatever the method; null: nothing does. The last of a path's gates
  // counts.
  RouteGate gate = {};
};

// Immutable after construction; any thread, cheap to copy.
class Router {
 public:
  // Answers a path of which only other methods are known; `allow` is the Allow header's value,
  // "GET, POST".
  using MethodHandler = std::function<void(HttpRequest, const std::string& allow, Respond)>;

  // A pattern starts with '/'. A segment is literal text or {name}, which takes any text but the
  // empty one; {name:digits} takes decimal digits only. Literal segments win over {digits}, those
  // over {any}; a dead end goes back to the next choice. A malformed or doubled route is a bug of
  // the caller and aborts.
  Router(std::vector<Route> routes, HttpHandler not_found, MethodHandler method_not_allowed);

  // Hands the request to its route's handler, or to one of the two others. A trailing '/' is
  // another path.
  void operator()(HttpRequest request, Respond respond) const;

 private:
  struct Node;
  struct Table;
  std::shared_ptr<const Table> table_;
};

// The answer with its Allow header; for a MethodHandler.
HttpResponse method_not_allowed(const std::string& allow, std::string body,
                                std::string content_type);

}  // namespace neso::net
