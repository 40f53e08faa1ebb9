// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <utility>

namespace neso::net {

namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::iequals;
// Beast's view: std::string_view's twin, of another type.
using BeastView = boost::beast::string_view;

constexpr size_t kMaxChunkLineBytes = 8 * 1024;  // one chunk's size and extensions, or the trailers
constexpr size_t kMaxChunkSizeDigits = 16;
// "0\r\n\r\n": every rest of a chunked body that starts at a chunk's line is at least as long.
// Beast asserts it.
constexpr size_t kMinChunkedRest = 5;

std::string_view view(BeastView text) {
  return {text.data(), text.size()};
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_decimal(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether a chunk's line can still become [CRLF] 1*HEXDIG (CR | ";" | blank): tells garbage before
// the line is whole.
bool plausible_chunk_line(std::string_view bytes, bool after_chunk) {
  if (after_chunk) {
    const std::string_view line_end = "\r\n";
    if (bytes.substr(0, 2) != line_end.substr(0, bytes.size())) return false;
    bytes.remove_prefix(std::min<size_t>(2, bytes.size()));
  }
  size_t digits = 0;
  while (digits < bytes.size() && is_hex(bytes[digits])) ++digits;
  if (digits > kMaxChunkSizeDigits) return false;
  if (digits == bytes.size()) return true;
  return digits > 0 && std::string_view("\r; \t").find(bytes[digits]) != std::string_view::npos;
}

// Transfer-Encoding other than "chunked": known codings in front of it are 501 (RFC 9112 6.1), all
// else is 400.
Refusal transfer_encoding_refusal(std::string_view value) {
  const size_t comma = value.rfind(',');
  if (comma != value.npos) {
    std::string_view last = value.substr(comma + 1);
    last.remove_prefix(std::min(last.find_first_not_of(" \t"), last.size()));
    for (const std::string_view coding : {"gzip", "x-gzip", "deflate", "compress", "x-compress"}) {
      if (iequals(BeastView(last.data(), last.size()), "chunked") &&
          iequals(BeastView(value.data(), comma), BeastView(coding.data(), coding.size()))) {
        return {501, "A compressed Transfer-Encoding is not supported. Use Content-Encoding."};
      }
    }
  }
  return {400, "The Transfer-Encoding is not 'chunked'."};
}

// The path of an absolute-form target ("http://host/path"), or the target itself.
std::string_view strip_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    const std::string_view start = target.substr(0, scheme.size());
    if (!iequals(BeastView(start.data(), start.size()), BeastView(scheme.data(), scheme.size())))
      continue;
    target.remove_prefix(scheme.size());
    const size_t slash = target.find_first_of("/?");
    return slash == target.npos ? std::string_view("/") : target.substr(slash);
  }
  return target;
}

Refusal refusal_of(const error_code& error) {
  switch (static_cast<http::error>(error.value())) {
    case http::error::bad_content_length:
    case http::error::multiple_content_length:
      return {400, "The Content-Length is malformed, repeated, or joined by a Transfer-Encoding."};
    case http::error::bad_transfer_encoding:
      return {400, "The Transfer-Encoding is repeated or joined by a Content-Length."};
    case http::error::bad_chunk:
    case http::error::bad_chunk_extension:
      return {400, "The chunked request body is malformed."};
    case http::error::bad_field:
      return {400, "A header name is empty or holds a character that is not allowed."};
    default:
      return {400, fmt::format("The request is malformed: {}.", error.message())};
  }
}

}  // namespace

// One message: fills an HttpRequest from Beast's events.
class RequestParser::Message final : public http::basic_parser<true> {
 public:
  explicit Message(const RequestLimits& limits) : limits_(limits) {
    header_limit(
        static_cast<uint32_t>(limits.head.max_header_bytes + 1));  // the scanner refused before
    body_limit(limits.max_body_bytes);
  }

  ParsedRequest parsed;
  Refusal refusal;
  bool expects_continue = false;
  bool at_chunk_line = false;  // the next byte belongs to a chunk's line
  size_t chunks = 0;

  Refusal too_large() const {
    return {413, fmt::format("The request body exceeds the limit of {} bytes.{}{}",
                             limits_.max_body_bytes, limits_.body_limit_hint.empty() ? "" : " ",
                             limits_.body_limit_hint)};
  }

 private:
  void refuse(Refusal reason, error_code& error) {
    refusal = std::move(reason);
    error = http::error::bad_value;  // stops the parser; `refusal` is what counts
  }

  void on_request_impl(http::verb, BeastView method, BeastView target, int version,
                       error_code& error) override {
    HttpRequest& request = parsed.request;
    request.method = view(method);
    parsed.http_1_0 = version == 10;
    if (request.method == "CONNECT" || request.method == "TRACE") {
      return refuse({405, fmt::format("The method {} is not supported.", request.method)}, error);
    }
    const std::string_view path = strip_authority(view(target));
    const size_t question = path.find('?');
    request.path = path.substr(0, question);
    if (question != path.npos) request.query = path.substr(question + 1);
    if (request.path.empty()) request.path = "/";  // "http://host?query"
    if (request.path.front() != '/' && request.path != "*") {
      refuse({400, "The request target does not start with '/'."}, error);
    }
  }

  void on_field_impl(http::field field, BeastView name, BeastView value,
                     error_code& error) override {
    if (in_trailers_) return;  // no trailer means anything to us, and none may pose as a header
    switch (field) {
      case http::field::content_length:
        // Beast would take "5, 5" and a repeated equal one.
        if (++content_lengths_ > 1 || !is_decimal(view(value)))
          return refuse(refusal_of(http::error::bad_content_length), error);
        break;
      case http::field::transfer_encoding:
        if (++transfer_encodings_ > 1)
          return refuse(refusal_of(http::error::bad_transfer_encoding), error);
        if (!iequals(value, "chunked"))
          return refuse(transfer_encoding_refusal(view(value)), error);
        if (parsed.http_1_0) return refuse({400, "HTTP/1.0 has no Transfer-Encoding."}, error);
        break;
      case http::field::host:
        if (++hosts_ > 1) return refuse({400, "The request has more than one Host header."}, error);
        break;
      case http::field::expect:
        if (!iequals(value, "100-continue"))
          return refuse({417, "The only supported Expect value is '100-continue'."}, error);
        expects_continue = !parsed.http_1_0;
        break;
      default:
        break;
    }
    parsed.request.headers.emplace_back(view(name), view(value));
  }

  void on_header_impl(error_code&) override { parsed.keep_alive = keep_alive(); }

  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}

  size_t on_body_impl(BeastView piece, error_code&) override {
    const uint64_t length = content_length().value_or(limits_.max_body_bytes);
    append(piece, static_cast<size_t>(length));
    return piece.size();
  }

  void on_chunk_header_impl(uint64_t size, BeastView, error_code& error) override {
    at_chunk_line = false;
    in_trailers_ = size == 0;
    if (size == 0) return;
    if (++chunks > limits_.max_chunks) {
      refuse({400, fmt::format("Chunked request body exceeds maximum of {} non-empty chunks. "
                               "Send fewer or larger HTTP chunks.",
                               limits_.max_chunks)},
             error);
    }
  }

  size_t on_chunk_body_impl(uint64_t remain, BeastView piece, error_code&) override {
    append(piece, limits_.max_body_bytes);
    at_chunk_line = piece.size() == remain;
    return piece.size();
  }

  void on_finish_impl(error_code&) override {}
  void on_response_impl(int, BeastView, int, error_code&) override {}  // requests only

  // Doubles the memory as bytes come, up to the length that the body can have.
  void append(BeastView piece, size_t most) {
    std::string& body = parsed.request.body;
    const size_t size = body.size() + piece.size();
    if (size > body.capacity()) body.reserve(std::max(size, std::min(2 * size, most)));
    body.append(piece.data(), piece.size());
  }

  const RequestLimits& limits_;
  bool in_trailers_ = false;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
  int hosts_ = 0;
};

struct RequestParser::State {
  explicit State(const RequestLimits& limits) : limits(limits) { restart(); }

  void restart() {
    message.emplace(limits);
    scanner.emplace(limits.head);
    blank_line_skipped = false;
  }

  Progress refuse(Refusal reason) {
    refusal = std::move(reason);
    return Progress::Refused;
  }

  Progress feed_head(std::string_view input, size_t& consumed);
  Progress feed_body(std::string_view input, size_t& consumed);
  // One step of Beast; NeedMore may have consumed bytes, or none when it cannot go on without more.
  Progress put(std::string_view input, size_t& consumed);

  const RequestLimits limits;
  std::optional<Message> message;
  std::optional<HeadScanner> scanner;
  bool blank_line_skipped = false;  // RFC 9112 2.2: one empty line before a request is forgiven
  Refusal refusal;
  size_t total_bytes = 0;
};

RequestParser::Progress RequestParser::State::put(std::string_view input, size_t& consumed) {
  error_code error;
  consumed += message->put({input.data(), input.size()}, error);
  if (message->refusal) return refuse(message->refusal);
  if (error == http::error::body_limit) return refuse(message->too_large());
  if (error && error != http::error::need_more) return refuse(refusal_of(error));
  return message->is_done() ? Progress::Complete : Progress::NeedMore;
}

RequestParser::Progress RequestParser::State::feed_head(std::string_view input, size_t& consumed) {
  if (!blank_line_skipped && input.starts_with("\r\n")) {
    blank_line_skipped = true;
    consumed = 2;
    input.remove_prefix(2);
  } else if (!blank_line_skipped && input == "\r") {
    return Progress::NeedMore;
  }
  switch (scanner->scan(input)) {
    case HeadScanner::Progress::NeedMore:
      return Progress::NeedMore;
    case HeadScanner::Progress::Refused:
      return refuse(scanner->refusal());
    case HeadScanner::Progress::Complete:
      break;
  }
  const Progress progress = put(input.substr(0, scanner->size()), consumed);
  message->at_chunk_line = progress == Progress::NeedMore && message->chunked();
  return progress;
}

RequestParser::Progress RequestParser::State::feed_body(std::string_view input, size_t& consumed) {
  while (consumed < input.size()) {
    const std::string_view rest = input.substr(consumed);
    const bool at_chunk_line = message->at_chunk_line;
    if (at_chunk_line) {
      if (!plausible_chunk_line(rest, message->chunks > 0))
        return refuse(refusal_of(http::error::bad_chunk));
      if (rest.size() < kMinChunkedRest) return Progress::NeedMore;
    }
    const size_t before = consumed;
    const Progress progress = put(rest, consumed);
    const bool stuck = consumed == before && progress == Progress::NeedMore;
    if (at_chunk_line && (stuck ? rest.size() : consumed - before) > kMaxChunkLineBytes)
      return refuse(refusal_of(http::error::bad_chunk));
    if (stuck || progress != Progress::NeedMore) return progress;
  }
  return Progress::NeedMore;
}

RequestParser::RequestParser(const RequestLimits& limits)
    : state_(std::make_unique<State>(limits)) {}
RequestParser::~RequestParser() = default;

RequestParser::Progress RequestParser::feed(std::string_view input, size_t& consumed) {
  consumed = 0;
  if (state_->refusal) return Progress::Refused;
  Progress progress = Progress::NeedMore;
  const bool was_in_head = !in_body();
  if (was_in_head) progress = state_->feed_head(input, consumed);
  if (progress == Progress::NeedMore && in_body()) {
    size_t body_bytes = 0;
    progress = state_->feed_body(input.substr(consumed), body_bytes);
    // A client that sends the body unasked is not kept waiting for anything.
    const bool asks = was_in_head && state_->message->expects_continue && consumed == input.size();
    consumed += body_bytes;
    if (progress == Progress::NeedMore && asks) progress = Progress::Continue;
  }
  state_->total_bytes += consumed;
  return progress;
}

ParsedRequest RequestParser::take() {
  ParsedRequest parsed = std::move(state_->message->parsed);
  state_->restart();
  return parsed;
}

Refusal RequestParser::truncated() {
  return {400, "The connection was closed in the middle of a request."};
}

const Refusal& RequestParser::refusal() const {
  return state_->refusal;
}

bool RequestParser::in_body() const {
  return state_->message->is_header_done() && !state_->message->is_done();
}

size_t RequestParser::total_bytes() const {
  return state_->total_bytes;
}

}  // namespace neso::net
