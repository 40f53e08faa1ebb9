// SPDX-License-Identifier: Apache-2.0
// Tensors of several requests as one batch along the first dimension, and apart again.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "tensor/tensor.h"

namespace neso {

// One tensor per name, rows end to end, names in the first part's order. Every part has the same
// names, types and shapes but for the first dimension, which each tensor has.
std::vector<NamedTensor> join_rows(std::span<const std::span<const NamedTensor>> parts);

// The tensors' rows in pieces of rows[0], rows[1], ...; views into them, except large ones that
// are a small part: a slow client of one would keep all. Fails, naming the tensor, when its first
// dimension is not the sum of `rows`.
Result<std::vector<std::vector<NamedTensor>>> split_rows(const std::vector<NamedTensor>& whole,
                                                         std::span<const size_t> rows);

}  // namespace neso
