// SPDX-License-Identifier: Apache-2.0
// Vectors to a stream, in one of three formats. One thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "request/requests.h"

namespace neso {

// A failed write is Cancelled when the reader closed the pipe, Internal (with the reason)
// otherwise.
class VectorWriter {
 public:
  virtual ~VectorWriter() = default;
  virtual Result<> write(const Embedding& embedding) = 0;
  // In place of a vector that could not be made, so that the n-th vector stays that of the n-th
  // text: an object with the reason in JSON lines, a row of NaN in the binary formats.
  virtual Result<> write_failure(std::string_view reason) = 0;
  // Once, at the end.
  virtual Result<> finish() = 0;
};

// Formats: "jsonl", a line {"embedding":[...],"tokens":n} per text; "f32", little-endian floats end
// to end; "npy", a NumPy array [texts, dimensions]. `dimensions` is the width of every vector.
// `out` stays the caller's.
Result<std::unique_ptr<VectorWriter>> make_vector_writer(std::string_view format, size_t dimensions,
                                                         std::FILE* out);

}  // namespace neso
