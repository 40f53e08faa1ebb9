// SPDX-License-Identifier: Apache-2.0
// Searches in text that nearly always has nothing to be found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace neso {

// 16 bytes that are compared at once: a vector type of GCC and Clang.
using ByteBlock = uint8_t __attribute__((vector_size(16)));

// Where the first byte from `from` on is that `stops` accepts, else text.size(). `stops` compares a
// byte or a block of them alike: [](auto byte) { return (byte < 0x20) | (byte == '"'); }
template <typename Stops>
size_t find_byte(std::string_view text, size_t from, Stops stops) {
  size_t at = from;
  for (; at + sizeof(ByteBlock) <= text.size(); at += sizeof(ByteBlock)) {
    ByteBlock block;
    std::memcpy(&block, text.data() + at, sizeof block);
    const auto hits = stops(block);
    uint64_t halves[2];
    std::memcpy(halves, &hits, sizeof halves);
    if ((halves[0] | halves[1]) != 0) break;
  }
  while (at < text.size() && !stops(static_cast<uint8_t>(text[at]))) ++at;
  return at;
}

}  // namespace neso
