// SPDX-License-Identifier: Apache-2.0
#include "net/http_url.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <string>
#include <utility>

#include "base/error.h"

namespace neso::net {
namespace {

constexpr std::string_view kScheme = "http://";

bool has_scheme(std::string_view url) {
  const std::string_view start = url.substr(0, kScheme.size());
  return boost::beast::iequals({start.data(), start.size()}, {kScheme.data(), kScheme.size()});
}

// What cannot stand in a request line or a Host header as it is.
bool has_odd_byte(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '#' || c == '?' || c == '@') return true;
  }
  return false;
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view url) {
  std::string_view rest = url;
  if (has_scheme(url)) {
    rest.remove_prefix(kScheme.size());
  } else if (const size_t end = url.find("://"); end != url.npos) {
    return unsupported("'{}' is asked for with '{}', but only plain http:// is spoken", url,
                       url.substr(0, end));
  }
  HttpUrl parsed;
  const size_t slash = std::min(rest.find('/'), rest.size());
  parsed.authority = rest.substr(0, slash);
  parsed.path = rest.substr(slash);
  while (parsed.path.ends_with('/')) parsed.path.pop_back();

  std::string_view host = parsed.authority;
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon != host.npos && (bracket == host.npos || colon > bracket)) {
    const std::string_view digits = host.substr(colon + 1);
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), parsed.port);
    if (error != std::errc() || stop != digits.data() + digits.size() || parsed.port == 0)
      return invalid_argument("'{}' has no port between 1 and 65535 after its colon", url);
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  parsed.host = host;
  if (host.empty() || has_odd_byte(rest))
    return invalid_argument("'{}' is no address like http://HOST:PORT", url);
  return parsed;
}

Result<Endpoint> find_endpoint(const HttpUrl& url) {
  namespace asio = boost::asio;
  using asio::ip::tcp;
  asio::io_context context;
  tcp::resolver resolver(context);
  boost::system::error_code error;
  const auto found =
      resolver.resolve(url.host, std::to_string(url.port), tcp::resolver::numeric_service, error);
  if (error) return not_found("the host '{}' has no address: {}", url.host, error.message());
  tcp::socket socket(context);
  const tcp::endpoint reached = asio::connect(socket, found, error);
  if (error) {
    return not_ready(
        "nothing can be reached at {}: {}; is the server running, and is this its port?",
        url.authority, error.message());
  }
  return Endpoint{reached.address().to_string(), url.port};
}

}  // namespace neso::net
