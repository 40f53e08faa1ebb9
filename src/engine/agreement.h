// SPDX-License-Identifier: Apache-2.0
// How far vectors are from others of the same texts: another engine's, another precision's, or
// those that a reference library wrote. Vectors are rows of [n, width], of any length each.
#pragma once

#include <cstddef>
#include <span>

namespace neso {

// Not a number when one of the two is all zero or has a value that is not finite.
double cosine(std::span<const float> a, std::span<const float> b);

struct Agreement {
  double mean = 1;
  double least = 1;  // not a number when one of the cosines is not
  size_t least_row = 0;
};

// Row by row. n >= 1.
Agreement compare_rows(std::span<const float> exact, std::span<const float> other, size_t width);

// What a search would notice: the mean share of a row's ten nearest other rows in `exact` that are
// among its ten nearest in `other`. With fewer than 11 rows all others count as near.
double neighbours_kept(std::span<const float> exact, std::span<const float> other, size_t width);

}  // namespace neso
