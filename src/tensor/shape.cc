// SPDX-License-Identifier: Apache-2.0
#include "tensor/shape.h"

namespace neso {

std::optional<int64_t> element_count(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool overflow = false;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) empty = true;
    // After an overflow the product is meaningless, but a later 0 still makes the true product 0.
    if (!overflow) overflow = __builtin_mul_overflow(count, size, &count);
  }
  if (empty) return 0;
  if (overflow) return std::nullopt;
  return count;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    if (text.size() > 1) text += ',';
    text += std::to_string(size);
  }
  text += ']';
  return text;
}

bool shape_matches(std::span<const int64_t> declared, std::span<const int64_t> shape) {
  if (declared.size() != shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (declared[i] != -1 && declared[i] != shape[i]) return false;
  }
  return true;
}

}  // namespace neso
