// SPDX-License-Identifier: Apache-2.0
#include "scheduling/tensor_batch.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/error.h"
#include "tensor/in_place.h"

namespace neso {
namespace {

const Tensor& find(std::span<const NamedTensor> tensors, const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &NamedTensor::name);
  NESO_CHECK(found != tensors.end());
  return found->tensor;
}

// Offsets of `pieces` runs of rows in the bytes of a tensor whose elements vary in size.
Result<std::vector<size_t>> bytes_offsets(const NamedTensor& whole, std::span<const size_t> rows,
                                          size_t elements_per_row) {
  NESO_TRY(const auto elements, bytes_elements(whole.tensor.bytes()));
  std::vector<size_t> offsets = {0};
  size_t next = 0;
  size_t offset = 0;
  for (const size_t count : rows) {
    const size_t end = next + count * elements_per_row;
    if (end > elements.size()) {
      return internal_error("output '{}' has {} elements, fewer than its shape {} says", whole.name,
                            elements.size(), shape_text(whole.tensor.shape()));
    }
    for (; next < end; ++next) offset += sizeof(uint32_t) + elements[next].size();
    offsets.push_back(offset);
  }
  return offsets;
}

Result<std::vector<size_t>> piece_offsets(const NamedTensor& whole, std::span<const size_t> rows) {
  const std::span<const int64_t> shape = whole.tensor.shape();
  const size_t total = std::accumulate(rows.begin(), rows.end(), size_t{0});
  if (shape.empty() || shape[0] < 0 || static_cast<size_t>(shape[0]) != total) {
    return internal_error(
        "output '{}' has shape {}, not one row for each of the {} rows of the batch", whole.name,
        shape_text(shape), total);
  }
  const auto per_row = static_cast<size_t>(element_count(shape.subspan(1)).value_or(0));
  if (whole.tensor.dtype() == DType::Bytes) return bytes_offsets(whole, rows, per_row);
  std::vector<size_t> offsets = {0};
  for (const size_t count : rows) {
    offsets.push_back(offsets.back() + count * per_row * element_size(whole.tensor.dtype()));
  }
  if (offsets.back() > whole.tensor.bytes().size()) {
    return internal_error("output '{}' is shorter than its shape {} says", whole.name,
                          shape_text(shape));
  }
  return offsets;
}

}  // namespace

std::vector<NamedTensor> join_rows(std::span<const std::span<const NamedTensor>> parts) {
  std::vector<NamedTensor> joined;
  for (const NamedTensor& first : parts.front()) {
    Shape shape = first.tensor.shape();
    NESO_CHECK(!shape.empty());
    shape[0] = 0;
    size_t size = 0;
    for (const auto& part : parts) {
      const Tensor& tensor = find(part, first.name);
      shape[0] += tensor.shape()[0];
      size += tensor.bytes().size();
    }
    std::vector<std::byte> bytes;
    bytes.reserve(size);
    for (const auto& part : parts) {
      const auto piece = find(part, first.name).bytes();
      bytes.insert(bytes.end(), piece.begin(), piece.end());
    }
    joined.push_back(
        {first.name, Tensor(first.tensor.dtype(), std::move(shape), std::move(bytes))});
  }
  return joined;
}

namespace {

Tensor piece_of(const std::shared_ptr<const Tensor>& whole, Shape shape,
                std::span<const std::byte> bytes) {
  if (bytes.size() >= kLeftInPlace && bytes.size() < whole->bytes().size() / 2)
    return {whole->dtype(), std::move(shape), std::vector<std::byte>(bytes.begin(), bytes.end())};
  return {whole->dtype(), std::move(shape), bytes, whole};
}

}  // namespace

Result<std::vector<std::vector<NamedTensor>>> split_rows(const std::vector<NamedTensor>& whole,
                                                         std::span<const size_t> rows) {
  std::vector<std::vector<NamedTensor>> pieces(rows.size());
  for (const NamedTensor& tensor : whole) {
    NESO_TRY(const auto offsets, piece_offsets(tensor, rows));
    const auto owner = std::make_shared<const Tensor>(tensor.tensor);
    for (size_t i = 0; i < rows.size(); ++i) {
      Shape shape = tensor.tensor.shape();
      shape[0] = static_cast<int64_t>(rows[i]);
      const auto bytes = owner->bytes().subspan(offsets[i], offsets[i + 1] - offsets[i]);
      pieces[i].push_back({tensor.name, piece_of(owner, std::move(shape), bytes)});
    }
  }
  return pieces;
}

}  // namespace neso
