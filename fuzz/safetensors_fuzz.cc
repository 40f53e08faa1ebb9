// SPDX-License-Identifier: Apache-2.0
// The safetensors header parser on any bytes: taken as a whole file, and once more with the length
// put right, so that mutations reach the JSON. What it accepts must tile the data exactly.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"
#include "checkpoint/safetensors_header.h"

namespace {

constexpr size_t kLengthBytes = 8;

uint64_t little_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) value |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

void check_parse(std::span<const std::byte> start, uint64_t file_size) {
  const auto entries = neso::parse_safetensors_header(start, file_size);
  if (!entries) {
    NESO_CHECK(!entries.error().message.empty());
    return;
  }
  const uint64_t data_offset = neso::safetensors_data_offset(start, file_size).value();
  uint64_t data_bytes = 0;
  for (const neso::SafetensorsEntry& entry : *entries) {
    NESO_CHECK(entry.offset >= data_offset);
    NESO_CHECK(entry.size <= file_size - entry.offset);
    data_bytes += entry.size;
  }
  NESO_CHECK(data_bytes == file_size - data_offset);
  NESO_CHECK(std::ranges::is_sorted(*entries, {}, &neso::SafetensorsEntry::name));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> input = std::as_bytes(std::span(data, size));
  check_parse(input, size);

  if (size <= kLengthBytes) return 0;
  std::vector<std::byte> repaired(input.begin(), input.end());
  const uint64_t header_bytes = size - kLengthBytes;
  for (size_t i = 0; i < kLengthBytes; ++i)
    repaired[i] = static_cast<std::byte>(header_bytes >> (8 * i));
  constexpr uint64_t kLargestData = uint64_t{1} << 48U;
  check_parse(repaired, size + little_endian(input) % kLargestData);
  return 0;
}
