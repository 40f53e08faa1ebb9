// SPDX-License-Identifier: Apache-2.0
// One row per element type, in the order of the enumerators.
#include "tensor/dtype.h"

#include <array>

#include "base/check.h"

namespace neso {
namespace {

struct Row {
  DType dtype;
  size_t size;
  std::string_view kserve;
  std::string_view config;
};

constexpr std::array kRows = {
    Row{DType::Bool, 1, "BOOL", "TYPE_BOOL"},       Row{DType::Uint8, 1, "UINT8", "TYPE_UINT8"},
    Row{DType::Uint16, 2, "UINT16", "TYPE_UINT16"}, Row{DType::Uint32, 4, "UINT32", "TYPE_UINT32"},
    Row{DType::Uint64, 8, "UINT64", "TYPE_UINT64"}, Row{DType::Int8, 1, "INT8", "TYPE_INT8"},
    Row{DType::Int16, 2, "INT16", "TYPE_INT16"},    Row{DType::Int32, 4, "INT32", "TYPE_INT32"},
    Row{DType::Int64, 8, "INT64", "TYPE_INT64"},    Row{DType::Fp16, 2, "FP16", "TYPE_FP16"},
    Row{DType::Fp32, 4, "FP32", "TYPE_FP32"},       Row{DType::Fp64, 8, "FP64", "TYPE_FP64"},
    Row{DType::Bf16, 2, "BF16", "TYPE_BF16"},       Row{DType::Bytes, 0, "BYTES", "TYPE_STRING"},
};

constexpr bool rows_follow_the_enumerators() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].dtype) != i) return false;
  }
  return kRows.back().dtype == DType::Bytes;
}
static_assert(rows_follow_the_enumerators());

const Row& row(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  NESO_CHECK(index < kRows.size());
  return kRows[index];
}

std::optional<DType> find(std::string_view Row::* column, std::string_view name) {
  for (const Row& candidate : kRows) {
    if (candidate.*column == name) return candidate.dtype;
  }
  return std::nullopt;
}

}  // namespace

size_t element_size(DType dtype) {
  return row(dtype).size;
}

std::string_view kserve_name(DType dtype) {
  return row(dtype).kserve;
}

std::optional<DType> dtype_from_kserve(std::string_view name) {
  return find(&Row::kserve, name);
}

std::string_view config_name(DType dtype) {
  return row(dtype).config;
}

std::optional<DType> dtype_from_config(std::string_view name) {
  return find(&Row::config, name);
}

}  // namespace neso
