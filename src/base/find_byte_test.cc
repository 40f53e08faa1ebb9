// SPDX-License-Identifier: Apache-2.0
#include "base/find_byte.h"

#include <gtest/gtest.h>

#include <string>

namespace neso {
namespace {

constexpr auto is_x = [](auto byte) { return byte == 'x'; };

TEST(FindByte, FindsTheFirstOneAtAnyPlaceAndFromAnyStart) {
  for (size_t size = 0; size < 50; ++size) {
    for (size_t place = 0; place < size; ++place) {
      std::string text(size, '-');
      text[place] = 'x';
      text.back() = 'x';
      for (size_t from = 0; from <= place; ++from) EXPECT_EQ(find_byte(text, from, is_x), place);
    }
  }
}

TEST(FindByte, SaysTheSizeWhenThereIsNone) {
  for (size_t size = 0; size < 50; ++size) {
    for (size_t from = 0; from <= size; ++from)
      EXPECT_EQ(find_byte(std::string(size, '-'), from, is_x), size);
  }
}

}  // namespace
}  // namespace neso
