// SPDX-License-Identifier: Apache-2.0
// The strict gate in front of Beast's parser. Beast waits for a whole head before it looks at it
// and forgives what RFC 9112 lets a server forgive (folded lines); this looks at each byte as it
// comes, so that noise, a TLS hello or a bare LF is refused at once and nothing that two parsers
// may read differently gets further. Pure; no I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "net/grammar.h"

namespace neso::net {

struct HeadLimits {
  size_t max_header_bytes = 64 * 1024;  // the whole head; 431
  size_t max_headers = 100;             // 431
  size_t max_target_bytes = 8 * 1024;   // 414
};

// One head, from its request line on.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}

  // `bytes` is the head from its first byte: what earlier calls saw and what has come since.
  Scan scan(std::string_view bytes);

  // The head's size, its blank line included; after Complete.
  size_t size() const { return position_; }
  const Refusal& refusal() const { return refusal_; }

 private:
  enum class State { Method, Target, Version, LineStart, Line, LineEnd, HeadEnd, Done };
  void skip_text(std::string_view bytes);
  void skip_target(std::string_view bytes);
  void step(char c);
  void method(char c);
  void target(char c);
  void version(char c);
  void line_start(char c);
  void line(char c);
  void refuse(int status, std::string sentence);

  const HeadLimits limits_;
  State state_ = State::Method;
  size_t position_ = 0;    // bytes scanned
  size_t part_bytes_ = 0;  // of the method, target or version so far
  size_t headers_ = 0;
  Refusal refusal_;
};

}  // namespace neso::net
