// SPDX-License-Identifier: Apache-2.0
#include "net/chunk_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace neso::net {

namespace {

constexpr size_t kMaxLineBytes = 8 * 1024;  // one chunk's size and extensions, or the trailers
constexpr size_t kMaxSizeDigits = 16;

// The digit's value, or -1.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Scan ChunkDecoder::feed(std::string_view input, size_t& consumed, std::string_view& data) {
  consumed = 0;
  data = {};
  while (consumed < input.size() && state_ != State::Done && !refusal_) {
    if (state_ == State::Data) {
      data =
          input.substr(consumed, static_cast<size_t>(std::min<uint64_t>(remaining_, input.size())));
      consumed += data.size();
      remaining_ -= data.size();
      if (remaining_ == 0) state_ = State::DataReturn;
      return Scan::NeedMore;
    }
    step(input[consumed++]);
  }
  if (refusal_) return Scan::Refused;
  return state_ == State::Done ? Scan::Complete : Scan::NeedMore;
}

void ChunkDecoder::step(char c) {
  if (++line_bytes_ > kMaxLineBytes) return refuse_malformed();
  switch (state_) {
    case State::Size:
      return size_digit(c);
    case State::BlankBeforeExtension:
      if (c == ';')
        state_ = State::Extension;
      else if (!is_blank(c))
        refuse_malformed();
      return;
    case State::Extension:
      if (c == '\r')
        state_ = State::SizeEnd;
      else if (is_forbidden(c))
        refuse_malformed();
      return;
    case State::SizeEnd:
      return c == '\n' ? end_size() : refuse_malformed();
    case State::DataReturn:
      return expect(c, '\r', State::DataEnd);
    case State::DataEnd:
      size_ = size_digits_ = line_bytes_ = 0;
      return expect(c, '\n', State::Size);
    case State::TrailerStart:
      if (c == '\r')
        state_ = State::LastEnd;
      else if (is_token_char(c))
        state_ = State::TrailerName;
      else
        refuse_malformed();
      return;
    case State::TrailerName:
      if (c == ':')
        state_ = State::TrailerValue;
      else if (!is_token_char(c))
        refuse_malformed();
      return;
    case State::TrailerValue:
      if (c == '\r')
        state_ = State::TrailerEnd;
      else if (is_forbidden(c))
        refuse_malformed();
      return;
    case State::TrailerEnd:
      return expect(c, '\n', State::TrailerStart);
    case State::LastEnd:
      return expect(c, '\n', State::Done);
    case State::Data:
    case State::Done:
      return;  // not reached: feed() stops there
  }
}

// Refuses in two places on purpose: what may end a size comes after a digit only.
void ChunkDecoder::size_digit(char c) {
  if (const int value = hex_value(c); value >= 0) {
    if (++size_digits_ > kMaxSizeDigits) return refuse_malformed();
    size_ = size_ * 16 + static_cast<uint64_t>(value);
  } else if (size_digits_ == 0) {  // NOLINT(bugprone-branch-clone)
    refuse_malformed();
  } else if (c == '\r') {
    state_ = State::SizeEnd;
  } else if (c == ';') {
    state_ = State::Extension;
  } else if (is_blank(c)) {
    state_ = State::BlankBeforeExtension;
  } else {
    refuse_malformed();
  }
}

void ChunkDecoder::end_size() {
  line_bytes_ = 0;
  if (size_ == 0) {
    state_ = State::TrailerStart;
  } else if (size_ > max_body_bytes_ - body_bytes_) {
    refuse(413, {});
  } else if (++chunks_ > max_chunks_) {
    refuse(400, fmt::format("Chunked request body exceeds maximum of {} non-empty chunks. "
                            "Send fewer or larger HTTP chunks.",
                            max_chunks_));
  } else {
    body_bytes_ += static_cast<size_t>(size_);
    remaining_ = size_;
    state_ = State::Data;
  }
}

void ChunkDecoder::expect(char c, char expected, State next) {
  if (c != expected) return refuse_malformed();
  state_ = next;
}

void ChunkDecoder::refuse(int status, std::string sentence) {
  refusal_ = {status, std::move(sentence)};
}

void ChunkDecoder::refuse_malformed() {
  refuse(400, "The chunked request body is malformed.");
}

}  // namespace neso::net
