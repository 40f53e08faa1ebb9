// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/placed_weights.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "checkpoint/in_quotes.h"

namespace neso {

namespace {

// out [columns, rows] = in [rows, columns] transposed, block by block for the cache's sake.
void transpose(std::span<const float> in, size_t rows, size_t columns, std::span<float> out) {
  constexpr size_t kBlock = 32;
  for (size_t row = 0; row < rows; row += kBlock) {
    for (size_t column = 0; column < columns; column += kBlock) {
      const size_t last_row = std::min(rows, row + kBlock);
      const size_t last_column = std::min(columns, column + kBlock);
      for (size_t c = column; c < last_column; ++c) {
        for (size_t r = row; r < last_row; ++r) out[c * rows + r] = in[r * columns + c];
      }
    }
  }
}

Result<> read_place(const WeightPlace& place, std::span<float> out) {
  if (!place.transposed) return place.file.read_fp32(place.info, place.offset, out);
  std::vector<float> stored(out.size());
  NESO_TRY_VOID(place.file.read_fp32(place.info, place.offset, stored));
  const auto rows = static_cast<size_t>(place.info.shape[1]);
  transpose(stored, rows, static_cast<size_t>(place.info.shape[0]), out);
  return {};
}

}  // namespace

bool PlacedWeights::add(std::string name, const WeightPlace& place) {
  return tensors_.try_emplace(std::move(name), place).second;
}

const WeightPlace* PlacedWeights::place(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::vector<std::string> PlacedWeights::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, place] : tensors_) names.push_back(name);
  return names;
}

const WeightInfo* PlacedWeights::find(std::string_view name) const {
  const WeightPlace* found = place(name);
  return found == nullptr ? nullptr : &found->info;
}

Result<> PlacedWeights::read_fp32(std::string_view name, std::span<float> out) const {
  const WeightPlace* found = place(name);
  if (found == nullptr) return not_found("the model's weights have no tensor {}", in_quotes(name));
  NESO_CHECK(static_cast<int64_t>(out.size()) == element_count(found->info.shape));
  if (Result<> read = read_place(*found, out); !read)
    return read.error().with_context(fmt::format("tensor {}", in_quotes(name)));
  return found->file.check_unchanged();
}

}  // namespace neso
