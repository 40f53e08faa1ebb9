// SPDX-License-Identifier: Apache-2.0
#include "net/router.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/check.h"

namespace neso::net {

namespace {

bool is_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "/a/b" -> rest "b", returns "a"; `path` starts with '/'.
std::string_view first_segment(std::string_view path, std::string_view& rest) {
  path.remove_prefix(1);
  const size_t slash = path.find('/');
  rest = slash == path.npos ? std::string_view{} : path.substr(slash);
  return path.substr(0, slash);
}

struct Endpoint {
  RouteHandler handler;
  std::vector<std::string> names;  // of the pattern's parameters, in order
};

}  // namespace

std::string_view PathParameters::operator[](std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return {};
}

void PathParameters::add(std::string name, std::string value) {
  values_.emplace_back(std::move(name), std::move(value));
}

struct Router::Node {
  std::map<std::string, Node, std::less<>> literals;
  std::unique_ptr<Node> digits;
  std::unique_ptr<Node> any;
  std::map<std::string, Endpoint, std::less<>> methods;
  std::string allow;  // their names, for the Allow header
  RouteGate gate;

  // The child for one segment of a pattern, made when missing.
  Node& child(std::string_view segment, std::vector<std::string>& names) {
    if (segment.empty() || segment.front() != '{') return literals[std::string(segment)];
    NESO_CHECK(segment.back() == '}');
    std::string_view name = segment.substr(1, segment.size() - 2);
    constexpr std::string_view kDigits = ":digits";
    const bool digits_only = name.ends_with(kDigits);
    if (digits_only) name.remove_suffix(kDigits.size());
    NESO_CHECK(!name.empty() && name.find_first_of("{}:") == name.npos);
    names.emplace_back(name);
    std::unique_ptr<Node>& child = digits_only ? digits : any;
    if (!child) child = std::make_unique<Node>();
    return *child;
  }

  // The node of a path, with the values of the parameters on the way. As deep as the deepest
  // pattern at most.
  const Node* find(std::string_view path, std::vector<std::string_view>& values) const {
    if (path.empty()) return methods.empty() ? nullptr : this;
    std::string_view rest;
    const std::string_view segment = first_segment(path, rest);
    if (auto it = literals.find(segment); it != literals.end()) {
      if (const Node* found = it->second.find(rest, values)) return found;
    }
    if (segment.empty()) return nullptr;
    values.push_back(segment);
    if (digits && is_digits(segment)) {
      if (const Node* found = digits->find(rest, values)) return found;
    }
    if (any) {
      if (const Node* found = any->find(rest, values)) return found;
    }
    values.pop_back();
    return nullptr;
  }
};

struct Router::Table {
  Node root;
  HttpHandler not_found;
  MethodHandler method_not_allowed;
};

Router::Router(std::vector<Route> routes, HttpHandler not_found, MethodHandler method_not_allowed) {
  auto table = std::make_shared<Table>();
  table->not_found = std::move(not_found);
  table->method_not_allowed = std::move(method_not_allowed);
  for (Route& route : routes) {
    NESO_CHECK(route.pattern.starts_with('/') && !route.method.empty() && route.handler);
    Node* node = &table->root;
    std::vector<std::string> names;
    for (std::string_view rest = route.pattern; !rest.empty();) {
      const std::string_view segment = first_segment(rest, rest);
      node = &node->child(segment, names);
    }
    if (!node->allow.empty()) node->allow += ", ";
    node->allow += route.method;
    if (route.gate) node->gate = std::move(route.gate);
    const bool added =
        node->methods
            .emplace(std::move(route.method), Endpoint{std::move(route.handler), std::move(names)})
            .second;
    NESO_CHECK(added);
  }
  table_ = std::move(table);
}

void Router::operator()(HttpRequest request, Respond respond) const {
  std::vector<std::string_view> values;
  const Node* node =
      request.path.starts_with('/') ? table_->root.find(request.path, values) : nullptr;
  if (node == nullptr) return table_->not_found(std::move(request), std::move(respond));
  if (node->gate) {
    if (auto refusal = node->gate(request)) return respond(std::move(*refusal));
  }
  const auto method = node->methods.find(request.method);
  if (method == node->methods.end()) {
    return table_->method_not_allowed(std::move(request), node->allow, std::move(respond));
  }
  PathParameters parameters;
  for (size_t i = 0; i < values.size(); ++i) {
    parameters.add(method->second.names[i], std::string(values[i]));
  }
  method->second.handler(std::move(request), std::move(parameters), std::move(respond));
}

HttpResponse method_not_allowed(const std::string& allow, std::string body,
                                std::string content_type) {
  HttpResponse response;
  response.status = 405;
  response.content_type = std::move(content_type);
  response.headers.emplace_back("Allow", allow);
  response.body = std::move(body);
  return response;
}

}  // namespace neso::net
