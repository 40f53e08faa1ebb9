// SPDX-License-Identifier: Apache-2.0
#include "net/http_message.h"

#include <algorithm>

namespace neso::net {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

bool same_header_name(std::string_view a, std::string_view b) {
  const auto same = [](char x, char y) { return lower(x) == lower(y); };
  // Nearly always they are of different sizes, or equal as they are.
  return a.size() == b.size() && (a == b || std::equal(a.begin(), a.end(), b.begin(), same));
}

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_header_name(key, name)) return value;
  }
  return std::nullopt;
}

size_t HttpRequest::header_count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(headers.begin(), headers.end(), [&](const auto& field) {
    return same_header_name(field.first, name);
  }));
}

size_t HttpResponse::body_size() const {
  size_t size = body.size();
  for (const HeldBytes& piece : tail) size += piece.bytes.size();
  return size;
}

std::string HttpResponse::joined_body() && {
  std::string joined = std::move(body);
  joined.reserve(joined.size() + body_size());
  for (const HeldBytes& piece : tail) joined += piece.bytes;
  drop_body();
  return joined;
}

void HttpResponse::drop_body() {
  std::string().swap(body);
  tail.clear();
}

}  // namespace neso::net
