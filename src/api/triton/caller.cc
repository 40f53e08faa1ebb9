// SPDX-License-Identifier: Apache-2.0
#include "api/triton/caller.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace neso::triton {
namespace {

struct TimeoutHeader {
  const char* name;
  double unit_ns;
};
constexpr double kMs = 1e6;
constexpr double kSecond = 1e9;
constexpr TimeoutHeader kTimeoutHeaders[] = {
    {"Request-Timeout", kSecond},
    {"X-Request-Timeout-Ms", kMs},
    {"X-Envoy-Expected-Rq-Timeout-Ms", kMs},  // Envoy and meshes made of it, to their upstreams
    {"Connect-Timeout-Ms", kMs},              // the Connect protocol
    {"X-Server-Timeout", kSecond},            // Google's client libraries
    {"X-Stainless-Read-Timeout", kSecond},    // OpenAI's client libraries
};
constexpr double kLongestNs = 1e9 * 60 * 60 * 24;  // beyond a day it is no limit

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::isfinite(value) && value > 0 ? std::optional(value) : std::nullopt;
}

// "100m": a number and one of gRPC's units.
std::optional<double> grpc_timeout_ns(std::string_view text) {
  if (text.empty()) return std::nullopt;
  double unit_ns = 0;
  switch (text.back()) {
    case 'H':
      unit_ns = 3600 * kSecond;
      break;
    case 'M':
      unit_ns = 60 * kSecond;
      break;
    case 'S':
      unit_ns = kSecond;
      break;
    case 'm':
      unit_ns = kMs;
      break;
    case 'u':
      unit_ns = 1e3;
      break;
    case 'n':
      unit_ns = 1;
      break;
    default:
      return std::nullopt;
  }
  const auto value = number(text.substr(0, text.size() - 1));
  return value ? std::optional(*value * unit_ns) : std::nullopt;
}

}  // namespace

Caller caller_of(const net::HttpRequest& request, const Clock& clock) {
  double wait_ns = kLongestNs;
  for (const auto& [name, unit_ns] : kTimeoutHeaders) {
    const auto sent = request.header(name);
    const auto value = sent ? number(*sent) : std::nullopt;
    if (value) wait_ns = std::min(wait_ns, *value * unit_ns);
  }
  if (const auto sent = request.header("Grpc-Timeout"))
    wait_ns = std::min(wait_ns, grpc_timeout_ns(*sent).value_or(wait_ns));
  Caller caller{.client = client_of(request.peer)};
  if (wait_ns < kLongestNs) caller.deadline_ns = clock.now_ns() + static_cast<int64_t>(wait_ns);
  return caller;
}

}  // namespace neso::triton
