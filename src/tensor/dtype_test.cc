// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace neso {
namespace {

constexpr std::array kAll = {DType::Bool, DType::Uint8, DType::Uint16, DType::Uint32, DType::Uint64,
                             DType::Int8, DType::Int16, DType::Int32,  DType::Int64,  DType::Fp16,
                             DType::Fp32, DType::Fp64,  DType::Bf16,   DType::Bytes};

TEST(DType, NamesReadBack) {
  for (const DType dtype : kAll) {
    EXPECT_EQ(dtype_from_kserve(kserve_name(dtype)), dtype);
    EXPECT_EQ(dtype_from_config(config_name(dtype)), dtype);
  }
}

TEST(DType, ConfigNamesAreTheKserveNamesWithPrefixExceptStrings) {
  for (const DType dtype : kAll) {
    if (dtype == DType::Bytes) continue;
    EXPECT_EQ(config_name(dtype), "TYPE_" + std::string(kserve_name(dtype)));
  }
  EXPECT_EQ(kserve_name(DType::Bytes), "BYTES");
  EXPECT_EQ(config_name(DType::Bytes), "TYPE_STRING");
  EXPECT_EQ(kserve_name(DType::Uint8), "UINT8");
  EXPECT_EQ(kserve_name(DType::Bf16), "BF16");
}

TEST(DType, UnknownNamesAreNothing) {
  for (const std::string_view name :
       {"", "int64", "INT", "INT64 ", "TYPE_INT64", "STRING", "<invalid>"}) {
    EXPECT_EQ(dtype_from_kserve(name), std::nullopt) << name;
  }
  for (const std::string_view name :
       {"", "INT64", "TYPE_", "TYPE_INVALID", "TYPE_BYTES", "type_fp32"}) {
    EXPECT_EQ(dtype_from_config(name), std::nullopt) << name;
  }
}

TEST(DType, SizesAreThoseOfTheWire) {
  EXPECT_EQ(element_size(DType::Bool), 1u);
  EXPECT_EQ(element_size(DType::Int8), 1u);
  EXPECT_EQ(element_size(DType::Uint16), 2u);
  EXPECT_EQ(element_size(DType::Fp16), 2u);
  EXPECT_EQ(element_size(DType::Bf16), 2u);
  EXPECT_EQ(element_size(DType::Int32), 4u);
  EXPECT_EQ(element_size(DType::Fp32), 4u);
  EXPECT_EQ(element_size(DType::Uint64), 8u);
  EXPECT_EQ(element_size(DType::Fp64), 8u);
  EXPECT_EQ(element_size(DType::Bytes), 0u);
}

}  // namespace
}  // namespace neso
