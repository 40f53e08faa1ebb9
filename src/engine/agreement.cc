// SPDX-License-Identifier: Apache-2.0
#include "engine/agreement.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace neso {
namespace {

constexpr size_t kNeighbours = 10;

std::span<const float> row_of(std::span<const float> rows, size_t row, size_t width) {
  return rows.subspan(row * width, width);
}

// The rows most like `row`, itself excepted, ascending by number.
std::vector<size_t> nearest(std::span<const float> rows, size_t row, size_t width) {
  const size_t count = rows.size() / width;
  std::vector<double> likeness(count);
  for (size_t i = 0; i < count; ++i)
    likeness[i] = cosine(row_of(rows, row, width), row_of(rows, i, width));
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  order.erase(order.begin() + static_cast<ptrdiff_t>(row));
  const auto last = order.begin() + static_cast<ptrdiff_t>(std::min(kNeighbours, order.size()));
  std::ranges::partial_sort(order, last,
                            [&](size_t a, size_t b) { return likeness[a] > likeness[b]; });
  order.erase(last, order.end());
  std::ranges::sort(order);
  return order;
}

}  // namespace

double cosine(std::span<const float> a, std::span<const float> b) {
  NESO_CHECK(a.size() == b.size());
  double product = 0;
  double a_square = 0;
  double b_square = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += double{a[i]} * double{b[i]};
    a_square += double{a[i]} * double{a[i]};
    b_square += double{b[i]} * double{b[i]};
  }
  return product / std::sqrt(a_square) / std::sqrt(b_square);
}

Agreement compare_rows(std::span<const float> exact, std::span<const float> other, size_t width) {
  NESO_CHECK(width > 0 && !exact.empty() && exact.size() == other.size());
  const size_t rows = exact.size() / width;
  Agreement agreement{.mean = 0};
  for (size_t row = 0; row < rows; ++row) {
    const double value = cosine(row_of(exact, row, width), row_of(other, row, width));
    agreement.mean += value / static_cast<double>(rows);
    if (!std::isnan(agreement.least) && !(value >= agreement.least)) {
      agreement.least = value;
      agreement.least_row = row;
    }
  }
  return agreement;
}

double neighbours_kept(std::span<const float> exact, std::span<const float> other, size_t width) {
  NESO_CHECK(width > 0 && !exact.empty() && exact.size() == other.size());
  const size_t rows = exact.size() / width;
  const size_t wanted = std::min(kNeighbours, rows - 1);
  if (wanted == 0) return 1;
  size_t kept = 0;
  for (size_t row = 0; row < rows; ++row) {
    const auto expected = nearest(exact, row, width);
    for (const size_t neighbour : nearest(other, row, width))
      kept += std::ranges::binary_search(expected, neighbour) ? 1 : 0;
  }
  return static_cast<double>(kept) / static_cast<double>(rows * wanted);
}

}  // namespace neso
