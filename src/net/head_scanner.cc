// SPDX-License-Identifier: Apache-2.0
#include "net/head_scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/find_byte.h"

namespace neso::net {

namespace {

constexpr std::string_view kVersionShape = "HTTP/d.d\r";  // d: a digit
constexpr size_t kMaxMethodBytes = 32;

}  // namespace

Scan HeadScanner::scan(std::string_view bytes) {
  while (position_ < bytes.size() && state_ != State::Done && !refusal_) {
    if (state_ == State::Line) skip_text(bytes);
    if (state_ == State::Target) skip_target(bytes);
    if (position_ < bytes.size()) step(bytes[position_]);
  }
  if (refusal_) return Scan::Refused;
  return state_ == State::Done ? Scan::Complete : Scan::NeedMore;
}

// What step() would let pass one by one.
void HeadScanner::skip_text(std::string_view bytes) {
  position_ = find_byte(bytes.substr(0, limits_.max_header_bytes), position_,
                        [](auto byte) { return (byte < 0x20) | (byte == 0x7f); });
}

void HeadScanner::skip_target(std::string_view bytes) {
  const size_t start = position_;
  const size_t end =
      std::min(limits_.max_header_bytes, start + limits_.max_target_bytes - part_bytes_);
  position_ = find_byte(bytes.substr(0, end), start,
                        [](auto byte) { return (byte <= 0x20) | (byte == 0x7f); });
  part_bytes_ += position_ - start;
}

void HeadScanner::step(char c) {
  // Before what the byte says: a refusal must not depend on how many bytes came at once.
  if (++position_ > limits_.max_header_bytes) {
    return refuse(431, fmt::format("The request head exceeds the limit of {} bytes.",
                                   limits_.max_header_bytes));
  }
  switch (state_) {
    case State::Method:
      return method(c);
    case State::Target:
      return target(c);
    case State::Version:
      return version(c);
    case State::LineStart:
      return line_start(c);
    case State::Line:
      return line(c);
    case State::LineEnd:
    case State::HeadEnd:
      if (c != '\n') return refuse(400, "A carriage return in the request head has no line feed.");
      state_ = state_ == State::HeadEnd ? State::Done : State::LineStart;
      return;
    case State::Done:
      return;
  }
}

void HeadScanner::method(char c) {
  if (c == ' ' && part_bytes_ > 0) {
    state_ = State::Target;
    part_bytes_ = 0;
  } else if (!is_token_char(c) || ++part_bytes_ > kMaxMethodBytes) {
    refuse(400, "The bytes received are not an HTTP/1.1 request.");
  }
}

void HeadScanner::target(char c) {
  if (c == ' ' && part_bytes_ > 0) {
    state_ = State::Version;
    part_bytes_ = 0;
  } else if (is_blank(c) || is_forbidden(c)) {
    refuse(400, "The request line is not 'METHOD target HTTP/1.1'.");
  } else if (++part_bytes_ > limits_.max_target_bytes) {
    refuse(414, fmt::format("The request target exceeds the limit of {} bytes.",
                            limits_.max_target_bytes));
  }
}

void HeadScanner::version(char c) {
  const char expected = kVersionShape[part_bytes_];
  const bool digit = c >= '0' && c <= '9';
  if (expected == 'd' ? !digit : c != expected) {
    return refuse(400, "The request line does not end in an HTTP version.");
  }
  const bool is_major = part_bytes_ == kVersionShape.find('d');
  const bool is_minor = part_bytes_ == kVersionShape.rfind('d');
  if ((is_major && c != '1') || (is_minor && c > '1')) {
    return refuse(505, "This HTTP version is not supported. Use HTTP/1.1.");
  }
  if (++part_bytes_ == kVersionShape.size()) state_ = State::LineEnd;
}

void HeadScanner::line_start(char c) {
  if (c == '\r') {
    state_ = State::HeadEnd;
  } else if (is_blank(c)) {
    refuse(400, "A header line starts with a blank; folded headers are not accepted.");
  } else if (++headers_ > limits_.max_headers) {
    refuse(431, fmt::format("The request has more than {} headers.", limits_.max_headers));
  } else {
    state_ = State::Line;
    line(c);
  }
}

void HeadScanner::line(char c) {
  if (c == '\r') {
    state_ = State::LineEnd;
  } else if (c == '\n') {
    refuse(400, "A header line ends in a line feed without a carriage return.");
  } else if (is_forbidden(c)) {
    refuse(400, "A header holds a control character.");
  }
}

void HeadScanner::refuse(int status, std::string sentence) {
  refusal_ = {status, std::move(sentence)};
}

}  // namespace neso::net
