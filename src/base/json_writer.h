// SPDX-License-Identifier: Apache-2.0
// Writes compact JSON into a string. Commas and colons are placed by the writer; the caller
// balances begin and end. Floats are printed with the fewest digits that read back as the same
// float (double for double), integral values keep ".0" as Triton's do, and non-finite values are
// the bare words NaN, Infinity and -Infinity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/thread_pool.h"

namespace neso {

class JsonWriter {
 public:
  JsonWriter() { out_.reserve(kUsualBytes); }

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view value);
  JsonWriter& boolean(bool value);
  JsonWriter& integer(int64_t value);
  JsonWriter& unsigned_integer(uint64_t value);
  JsonWriter& number(double value);
  JsonWriter& number(float value);
  JsonWriter& null();
  // Text that is JSON already, as one value.
  JsonWriter& raw(std::string_view json);
  // A whole flat array at once: the fast path for vectors. A large one is printed by `helpers` as
  // well, as run_pieces() does it; may be null.
  JsonWriter& numbers(std::span<const float> values, ThreadPool* helpers = nullptr);

  const std::string& text() const& { return out_; }
  std::string text() && { return std::move(out_); }

 private:
  // Of an answer without its numbers: what comes in pieces need not be moved again and again.
  static constexpr size_t kUsualBytes = 256;
  void separate();
  std::string out_;
  bool needs_comma_ = false;
};

}  // namespace neso
