// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file: 8 bytes of little-endian length, JSON of that length, then the
// tensors' bytes. Pure functions over bytes, so that the fuzzer calls exactly what the server
// calls. Stricter than the format's text where that leaves room for files that mean two things: no
// duplicate or unknown keys, no overlap, no hole, no tail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/weight_store.h"

namespace neso {

struct SafetensorsEntry {
  std::string name;
  WeightInfo info;
  uint64_t offset = 0;  // of the first byte, from the start of the file
  uint64_t size = 0;    // bytes; what type and shape make it
};

// Where the tensors' bytes begin. `start` holds at least the first min(8, file_size) bytes.
Result<uint64_t> safetensors_data_offset(std::span<const std::byte> start, uint64_t file_size);

// The tensors, sorted by name; together they fill the file exactly. `start` holds at least the
// bytes before the data offset. InvalidArgument names tensor and numbers, not the file; an unknown
// type is Unsupported.
Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::span<const std::byte> start,
                                                               uint64_t file_size);

}  // namespace neso
