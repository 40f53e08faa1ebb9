// SPDX-License-Identifier: Apache-2.0
#include "net/loopback_guard.h"

#include <algorithm>
#include <utility>

namespace neso::net {
namespace {

constexpr std::string_view kLocalhost = "localhost";

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Four numbers, the first of them 127.
bool is_loopback_ipv4(std::string_view host) {
  int parts = 0;
  while (true) {
    const size_t dot = host.find('.');
    const std::string_view part = host.substr(0, dot);
    if (part.empty() || part.size() > 3 || !all_digits(part) || (parts == 0 && part != "127"))
      return false;
    ++parts;
    if (dot == std::string_view::npos) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

bool from_this_machine(const HttpRequest& request) {
  const auto host = request.header("Host");
  if (host && !is_loopback_authority(*host)) return false;
  const auto origin = request.header("Origin");
  if (!origin) return true;
  const size_t scheme = origin->find("://");
  return scheme != std::string_view::npos && is_loopback_authority(origin->substr(scheme + 3));
}

}  // namespace

bool is_loopback_authority(std::string_view authority) {
  std::string_view host = authority;
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.back() != ']') {
    if (!all_digits(host.substr(colon + 1))) return false;
    host = host.substr(0, colon);
  }
  const bool named = std::equal(host.begin(), host.end(), kLocalhost.begin(), kLocalhost.end(),
                                [](char a, char b) { return (a | 0x20) == b; });
  return named || host == "[::1]" || is_loopback_ipv4(host);
}

HttpHandler guard_loopback(std::string_view bound_address, HttpResponse refusal,
                           HttpHandler handler) {
  if (!is_loopback_authority(bound_address) && bound_address != "::1") return handler;
  refusal.status = 403;
  return [refusal = std::move(refusal), handler = std::move(handler)](HttpRequest request,
                                                                      Respond respond) {
    if (!from_this_machine(request)) return respond(refusal);
    handler(std::move(request), std::move(respond));
  };
}

}  // namespace neso::net
