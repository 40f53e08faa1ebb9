// SPDX-License-Identifier: Apache-2.0
// Takes a chunked body apart (RFC 9112 7.1), byte by byte and strictly: no blank where none
// belongs, no bare line feed, a line always ends at its CRLF. Extensions and trailers are checked
// and dropped. Pure; keeps no bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/grammar.h"

namespace neso::net {

class ChunkDecoder {
 public:
  ChunkDecoder(size_t max_body_bytes, size_t max_chunks)
      : max_body_bytes_(max_body_bytes), max_chunks_(max_chunks) {}

  // Takes bytes from the front of `input`, up to the end of the body or of one piece of data;
  // `consumed` says how many and `data` is the piece, if any. NeedMore is also the answer when the
  // input holds more: call again with the rest.
  Scan feed(std::string_view input, size_t& consumed, std::string_view& data);

  // After Refused. Status 413 (without a sentence): more data than max_body_bytes.
  const Refusal& refusal() const { return refusal_; }

 private:
  enum class State {
    Size,
    BlankBeforeExtension,
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerEnd,
    LastEnd,
    Done,
  };
  void step(char c);
  void size_digit(char c);
  void end_size();
  void expect(char c, char expected, State next);
  void refuse(int status, std::string sentence);
  void refuse_malformed();

  const size_t max_body_bytes_;
  const size_t max_chunks_;
  State state_ = State::Size;
  uint64_t size_ = 0;  // of the chunk
  size_t size_digits_ = 0;
  size_t line_bytes_ = 0;   // of the chunk's line, or of all trailers
  uint64_t remaining_ = 0;  // data bytes of the chunk to come
  size_t body_bytes_ = 0;   // announced so far
  size_t chunks_ = 0;       // non-empty ones
  Refusal refusal_;
};

}  // namespace neso::net
