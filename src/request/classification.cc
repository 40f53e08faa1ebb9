// SPDX-License-Identifier: Apache-2.0
#include "request/classification.h"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace neso {
namespace {

constexpr size_t kMaxLabelBytes = size_t{64} << 20;

// As std::to_string writes them: Triton's clients see six decimals.
template <typename T>
std::string value_text(T value) {
  return std::to_string(value);
}

template <typename T>
bool before(T a, T b) {
  if constexpr (std::floating_point<T>) {
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  }
  return a > b;
}

template <typename T>
std::vector<std::string> top_classes(const Tensor& scores, size_t rows, size_t count,
                                     std::span<const std::string> labels) {
  const auto values = scores.as<T>();
  const size_t classes = values.size() / rows;
  std::vector<std::string> texts;
  std::vector<size_t> order(classes);
  for (size_t row = 0; row < rows; ++row) {
    const auto of_row = values.subspan(row * classes, classes);
    std::iota(order.begin(), order.end(), size_t{0});
    const auto end = order.begin() + static_cast<ptrdiff_t>(count);
    std::partial_sort(order.begin(), end, order.end(), [&](size_t a, size_t b) {
      if (before(of_row[a], of_row[b])) return true;
      return !before(of_row[b], of_row[a]) && a < b;
    });
    for (size_t i = 0; i < count; ++i) {
      std::string& text =
          texts.emplace_back(fmt::format("{}:{}", value_text(of_row[order[i]]), order[i]));
      if (order[i] < labels.size()) text += ":" + labels[order[i]];
    }
  }
  return texts;
}

using TopClasses = std::vector<std::string> (*)(const Tensor&, size_t, size_t,
                                                std::span<const std::string>);

TopClasses of_type(DType dtype) {
  switch (dtype) {
    case DType::Int8:
      return top_classes<int8_t>;
    case DType::Int16:
      return top_classes<int16_t>;
    case DType::Int32:
      return top_classes<int32_t>;
    case DType::Int64:
      return top_classes<int64_t>;
    case DType::Uint8:
      return top_classes<uint8_t>;
    case DType::Uint16:
      return top_classes<uint16_t>;
    case DType::Uint32:
      return top_classes<uint32_t>;
    case DType::Uint64:
      return top_classes<uint64_t>;
    case DType::Fp32:
      return top_classes<float>;
    case DType::Fp64:
      return top_classes<double>;
    case DType::Bool:
    case DType::Fp16:
    case DType::Bf16:
    case DType::Bytes:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

Result<Labels> read_labels(const ModelConfig& config, const std::filesystem::path& model_folder) {
  Labels labels;
  for (const ModelTensor& output : config.outputs) {
    if (output.label_filename.empty()) continue;
    const std::filesystem::path path = model_folder / output.label_filename;
    const auto text = read_file(path, kMaxLabelBytes);
    if (!text) {
      return internal_error("failed to open text file for read {}: {}", path.string(),
                            text.error().message);
    }
    // A carriage return stays in the label, as in Triton.
    std::string_view rest = *text;
    auto& lines = labels[output.name];
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      lines.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return labels;
}

Result<Tensor> classify(const Tensor& scores, uint64_t count, bool batched,
                        std::span<const std::string> labels) {
  const TopClasses top = of_type(scores.dtype());
  if (top == nullptr) {
    return invalid_argument("class result not available for output due to unsupported type '{}'",
                            kserve_name(scores.dtype()));
  }
  const Shape& shape = scores.shape();
  const bool has_rows = batched && !shape.empty();
  const auto rows = static_cast<size_t>(has_rows ? shape.front() : 1);
  const auto elements = static_cast<size_t>(element_count(shape).value_or(0));
  const size_t classes = rows == 0 ? 0 : elements / rows;
  const size_t kept = std::min<uint64_t>(count, classes);
  Shape answered{static_cast<int64_t>(kept)};
  if (has_rows) answered.insert(answered.begin(), shape.front());
  if (elements == 0) return Tensor(DType::Bytes, std::move(answered), {});
  return Tensor::from_strings(std::move(answered), top(scores, rows, kept, labels));
}

}  // namespace neso
