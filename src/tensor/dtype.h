// SPDX-License-Identifier: Apache-2.0
// Element types of tensors, with the words that KServe v2, config.pbtxt and safetensors use for
// them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace neso {

enum class DType {
  Bool,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Int8,
  Int16,
  Int32,
  Int64,
  Fp16,
  Fp32,
  Fp64,
  Bf16,
  Bytes
};

// Bytes per element; 0 for Bytes, whose elements vary.
size_t element_size(DType dtype);

// "INT64", "BYTES", ... as in KServe v2 requests.
std::string_view kserve_name(DType dtype);
std::optional<DType> dtype_from_kserve(std::string_view name);

// "TYPE_INT64", "TYPE_STRING", ... as in config.pbtxt.
std::string_view config_name(DType dtype);
std::optional<DType> dtype_from_config(std::string_view name);

}  // namespace neso
