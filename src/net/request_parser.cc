// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include "net/chunk_decoder.h"

namespace neso::net {

namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::iequals;
// Beast's view: std::string_view's twin, of another type.
using BeastView = boost::beast::string_view;

std::string_view view(BeastView text) {
  return {text.data(), text.size()};
}

bool is_decimal(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// What "host:port" may consist of (RFC 3986 3.2.2); empty is allowed. No user information.
bool is_authority(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           std::string_view("-._~!$&'()*+,;=%:[]").find(c) != std::string_view::npos;
  });
}

// Transfer-Encoding other than "chunked": known codings in front of it are 501 (RFC 9112 6.1), all
// else is 400.
Refusal transfer_encoding_refusal(std::string_view value) {
  const size_t comma = value.rfind(',');
  if (comma != value.npos) {
    std::string_view last = value.substr(comma + 1);
    last.remove_prefix(std::min(last.find_first_not_of(" \t"), last.size()));
    const std::string_view first = value.substr(0, comma);
    for (const std::string_view coding : {"gzip", "x-gzip", "deflate", "compress", "x-compress"}) {
      if (iequals(BeastView(last.data(), last.size()), "chunked") &&
          iequals(BeastView(first.data(), first.size()), BeastView(coding.data(), coding.size()))) {
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
    case http::error::bad_field:
      return {400, "A header name is empty or holds a character that is not allowed."};
    default:
      return {400, fmt::format("The request is malformed: {}.", error.message())};
  }
}

constexpr size_t kUsualHeaders = 12;

// Reads one head into an HttpRequest.
class Head final : public http::basic_parser<true> {
 public:
  Head(size_t max_bytes, std::string_view binary_offset_header)
      : binary_offset_header_(binary_offset_header) {
    header_limit(static_cast<uint32_t>(max_bytes + 1));  // the scanner refuses before
    body_limit(boost::none);                             // bodies are not its business
  }

  // `bytes` is a whole head.
  Refusal read(std::string_view bytes) {
    error_code error;
    put({bytes.data(), bytes.size()}, error);
    if (refusal_) return refusal_;
    if (error) return refusal_of(error);
    parsed.keep_alive = keep_alive();
    return {};
  }

  ParsedRequest parsed;
  bool expects_continue = false;
  int hosts = 0;

 private:
  void refuse(Refusal reason, error_code& error) {
    refusal_ = std::move(reason);
    error = http::error::bad_value;  // stops the parser; refusal_ is what counts
  }

  void on_request_impl(http::verb, BeastView method, BeastView target, int version,
                       error_code& error) override {
    HttpRequest& request = parsed.request;
    request.method = view(method);
    request.headers.reserve(kUsualHeaders);
    parsed.http_1_0 = version == 10;
    if (request.method == "CONNECT") {
      return refuse({405, "The method CONNECT is not supported: this is no proxy."}, error);
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
        if (++hosts > 1) return refuse({400, "The request has more than one Host header."}, error);
        if (!is_authority(view(value)))
          return refuse({400, "The Host header is not a host name with or without a port."}, error);
        break;
      case http::field::expect:
        if (!iequals(value, "100-continue"))
          return refuse({417, "The only supported Expect value is '100-continue'."}, error);
        expects_continue = !parsed.http_1_0;
        break;
      default:
        if (same_header_name(view(name), binary_offset_header_)) align_body(view(value));
        break;
    }
    parsed.request.headers.emplace_back(view(name), view(value));
  }

  // What is no number is for whoever reads the header to refuse.
  void align_body(std::string_view place) {
    size_t offset = 0;
    if (std::from_chars(place.data(), place.data() + place.size(), offset).ec == std::errc())
      parsed.request.body.align_at(offset);
  }

  void on_response_impl(int, BeastView, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_finish_impl(error_code&) override {}
  // Never called: put() gets the head and nothing behind it.
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(BeastView, error_code&) override { return 0; }
  void on_chunk_header_impl(uint64_t, BeastView, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, BeastView, error_code&) override { return 0; }

  const std::string_view binary_offset_header_;
  Refusal refusal_;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
};

}  // namespace

struct RequestParser::State {
  State(const RequestLimits& the_limits, std::string_view the_binary_offset_header)
      : limits(the_limits), binary_offset_header(the_binary_offset_header) {
    restart();
  }

  void restart() {
    head.emplace(limits.head.max_header_bytes, binary_offset_header);
    scanner.emplace(limits.head);
    chunks.reset();
    in_body = false;
    blank_line_skipped = false;
  }

  Progress refuse(Refusal reason) {
    refusal = std::move(reason);
    return Progress::Refused;
  }
  Progress refuse_too_large() {
    return refuse(
        {413,
         fmt::format("The request body exceeds the limit of {} bytes.{}{}", limits.max_body_bytes,
                     limits.body_limit_hint.empty() ? "" : " ", limits.body_limit_hint)});
  }

  Progress feed_head(std::string_view input, size_t& consumed);
  Progress begin_body();
  Progress feed_body(std::string_view input, size_t& consumed);
  Progress feed_chunks(std::string_view input, size_t& consumed);

  const RequestLimits limits;
  const std::string_view binary_offset_header;
  std::optional<HeadScanner> scanner;
  std::optional<Head> head;
  std::optional<ChunkDecoder> chunks;  // when the body is chunked
  size_t length = 0;                   // of the body, when it is not
  bool in_body = false;
  bool blank_line_skipped = false;  // RFC 9112 2.2: one empty line before a request is forgiven
  Refusal refusal;
};

RequestParser::Progress RequestParser::State::feed_head(std::string_view input, size_t& consumed) {
  if (!blank_line_skipped && input.starts_with("\r\n")) {
    blank_line_skipped = true;
    consumed = 2;
    input.remove_prefix(2);
  } else if (!blank_line_skipped && input == "\r") {
    return Progress::NeedMore;
  }
  switch (scanner->scan(input)) {
    case Scan::NeedMore:
      return Progress::NeedMore;
    case Scan::Refused:
      return refuse(scanner->refusal());
    case Scan::Complete:
      break;
  }
  consumed += scanner->size();
  if (Refusal reason = head->read(input.substr(0, scanner->size())))
    return refuse(std::move(reason));
  return begin_body();
}

RequestParser::Progress RequestParser::State::begin_body() {
  const uint64_t declared = head->chunked() ? 0 : head->content_length().value_or(0);
  if (declared > limits.max_body_bytes) return refuse_too_large();
  if (head->hosts == 0 && !head->parsed.http_1_0)  // RFC 9112 3.2
    return refuse({400, "The request has no Host header, which HTTP/1.1 demands."});
  if (head->chunked()) {
    chunks.emplace(limits.max_body_bytes, limits.max_chunks);
  } else {
    if (declared == 0) return Progress::Complete;
    length = static_cast<size_t>(declared);
  }
  in_body = true;
  return Progress::NeedMore;
}

RequestParser::Progress RequestParser::State::feed_body(std::string_view input, size_t& consumed) {
  if (chunks) return feed_chunks(input, consumed);
  Body& body = head->parsed.request.body;
  const std::string_view piece = input.substr(0, length - body.size());
  body.append(piece, length);
  consumed = piece.size();
  return body.size() == length ? Progress::Complete : Progress::NeedMore;
}

RequestParser::Progress RequestParser::State::feed_chunks(std::string_view input,
                                                          size_t& consumed) {
  while (consumed < input.size()) {
    size_t taken = 0;
    std::string_view data;
    const Scan scan = chunks->feed(input.substr(consumed), taken, data);
    consumed += taken;
    head->parsed.request.body.append(data, limits.max_body_bytes);
    if (scan == Scan::Complete) return Progress::Complete;
    if (scan == Scan::Refused) {
      return chunks->refusal().status == 413 ? refuse_too_large() : refuse(chunks->refusal());
    }
  }
  return Progress::NeedMore;
}

RequestParser::RequestParser(const RequestLimits& limits, std::string_view binary_offset_header)
    : state_(std::make_unique<State>(limits, binary_offset_header)) {}
RequestParser::~RequestParser() = default;

RequestParser::Progress RequestParser::feed(std::string_view input, size_t& consumed) {
  State& state = *state_;
  consumed = 0;
  if (state.refusal) return Progress::Refused;
  Progress progress = Progress::NeedMore;
  const bool head_was_awaited = !state.in_body;
  if (head_was_awaited) progress = state.feed_head(input, consumed);
  if (state.in_body) {
    // A client that sends the body unasked is not kept waiting for anything.
    const bool asks = head_was_awaited && state.head->expects_continue && consumed == input.size();
    size_t body_bytes = 0;
    progress = asks ? Progress::Continue : state.feed_body(input.substr(consumed), body_bytes);
    consumed += body_bytes;
  }
  return progress;
}

ParsedRequest RequestParser::take() {
  ParsedRequest parsed = std::move(state_->head->parsed);
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
  return state_->in_body;
}

size_t RequestParser::body_memory() const {
  return state_->head->parsed.request.body.memory_bytes();
}

void RequestParser::drop_body() {
  state_->head->parsed.request.body = {};
}

}  // namespace neso::net
