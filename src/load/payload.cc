// SPDX-License-Identifier: Apache-2.0
#include "load/payload.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "tensor/half.h"

namespace neso::load {
namespace {

constexpr std::array<std::string_view, 64> kWords = {
    "the",    "house",   "water",   "small",   "river",  "under",  "light",  "people",
    "old",    "street",  "green",   "time",    "music",  "north",  "winter", "story",
    "paper",  "hand",    "morning", "school",  "road",   "black",  "long",   "field",
    "market", "garden",  "summer",  "letter",  "open",   "window", "city",   "great",
    "night",  "power",   "simple",  "island",  "forest", "silver", "early",  "bridge",
    "sea",    "white",   "stone",   "table",   "doctor", "number", "family", "strong",
    "quiet",  "village", "wind",    "earth",   "horse",  "train",  "colour", "circle",
    "animal", "bright",  "second",  "country", "day",    "blue",   "heart",  "voice"};

constexpr std::string_view kTokenInputs[] = {"input_ids", "attention_mask", "token_type_ids",
                                             "position_ids"};

bool is_token_input(const InputSpec& input) {
  const bool integer = input.dtype == DType::Int64 || input.dtype == DType::Int32;
  return integer && std::ranges::find(kTokenInputs, input.name) != std::end(kTokenInputs);
}

double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

template <typename T, typename Make>
Tensor filled(DType dtype, const Shape& shape, Make make) {
  std::vector<T> values(static_cast<size_t>(*element_count(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(make(i));
  return Tensor::from<T>(dtype, shape, values);
}

// Integers 0 .. 99, which every type holds, or floats -1 .. 1.
Tensor random_numbers(DType dtype, const Shape& shape, std::mt19937_64& random) {
  const auto integer = [&](size_t) { return random() % 100; };
  const auto real = [&](size_t) { return static_cast<float>(2 * uniform(random) - 1); };
  switch (dtype) {
    case DType::Bool:
      return filled<uint8_t>(dtype, shape, [&](size_t) { return random() % 2; });
    case DType::Uint8:
    case DType::Int8:
      return filled<uint8_t>(dtype, shape, integer);
    case DType::Uint16:
    case DType::Int16:
      return filled<uint16_t>(dtype, shape, integer);
    case DType::Uint32:
    case DType::Int32:
      return filled<uint32_t>(dtype, shape, integer);
    case DType::Fp16:
      return filled<uint16_t>(dtype, shape, [&](size_t i) { return fp32_to_fp16(real(i)); });
    case DType::Bf16:
      return filled<uint16_t>(dtype, shape, [&](size_t i) { return fp32_to_bf16(real(i)); });
    case DType::Fp32:
      return filled<float>(dtype, shape, real);
    case DType::Fp64:
      return filled<double>(dtype, shape, real);
    default:
      return filled<uint64_t>(dtype, shape, integer);
  }
}

// Tokens of one row: ids at random, none of them padding, one segment.
uint64_t token_value(std::string_view name, size_t position, uint64_t vocabulary,
                     std::mt19937_64& random) {
  if (name == "input_ids") return 1 + random() % (vocabulary - 1);
  if (name == "attention_mask") return 1;
  return name == "position_ids" ? position : 0;
}

// Puts sizes in place of what is open.
Result<> close_shape(InputSpec& input, bool batches, const PayloadOptions& options) {
  Shape& shape = input.shape;
  if (batches && !shape.empty()) shape.front() = static_cast<int64_t>(options.rows);
  const size_t first = batches ? 1 : 0;  // of the dimensions that are not the batch
  if (const auto given = options.shapes.find(input.name); given != options.shapes.end()) {
    const std::span<const int64_t> declared =
        std::span(shape).subspan(std::min(first, shape.size()));
    if (!shape_matches(declared, given->second)) {
      return invalid_argument("--shape gives {} for the input '{}', which has {}{}",
                              shape_text(given->second), input.name, shape_text(declared),
                              batches ? " without its batch dimension" : "");
    }
    std::ranges::copy(given->second, shape.begin() + static_cast<std::ptrdiff_t>(first));
  }
  if (is_token_input(input) && !shape.empty() && shape.back() == -1)
    shape.back() = static_cast<int64_t>(options.tokens);
  if (std::ranges::find(shape, -1) != shape.end()) {
    return invalid_argument(
        "the input '{}' has the shape {}, which leaves sizes open; say them with --shape {}:N,N "
        "(without the batch dimension)",
        input.name, shape_text(shape), input.name);
  }
  const auto elements = element_count(shape);
  constexpr int64_t kMostElements = int64_t{1} << 28;
  if (!elements || *elements > kMostElements)
    return too_large(
        "the input '{}' would have the shape {}; take smaller sizes in --shape or --batch",
        input.name, shape_text(shape));
  return {};
}

}  // namespace

TextSource::TextSource(const PayloadOptions& options)
    : texts_(options.texts), tokens_(options.tokens), random_(options.seed) {}

std::string TextSource::next() {
  if (!texts_.empty()) return texts_[next_++ % texts_.size()];
  std::string text;
  for (size_t i = 0; i < tokens_; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random_() % kWords.size()];
  }
  return text;
}

std::vector<std::string> TextSource::next(size_t count) {
  std::vector<std::string> texts(count);
  for (std::string& text : texts) text = next();
  return texts;
}

Result<TensorSource> TensorSource::make(std::vector<InputSpec> inputs, bool batches,
                                        const PayloadOptions& options) {
  for (const auto& [name, shape] : options.shapes) {
    if (std::ranges::find(inputs, name, &InputSpec::name) != inputs.end()) continue;
    std::string names;
    for (const InputSpec& input : inputs) names += (names.empty() ? "" : ", ") + input.name;
    return invalid_argument("--shape names '{}', but the model's inputs are {}", name, names);
  }
  if (!batches && options.rows > 1) {
    return invalid_argument(
        "the model takes no batches: leave out --batch, and say the whole shape with --shape");
  }
  for (InputSpec& input : inputs) NESO_TRY_VOID(close_shape(input, batches, options));
  return TensorSource(std::move(inputs), options);
}

TensorSource::TensorSource(std::vector<InputSpec> inputs, const PayloadOptions& options)
    : inputs_(std::move(inputs)),
      vocabulary_(std::max<uint64_t>(options.vocabulary, 2)),
      texts_(options),
      random_(options.seed) {}

NamedTensor TensorSource::tensor(const InputSpec& input) {
  const Shape& shape = input.shape;
  if (input.dtype == DType::Bytes) {
    const auto count = static_cast<size_t>(*element_count(shape));
    return {input.name, Tensor::from_strings(shape, texts_.next(count))};
  }
  if (!is_token_input(input) || shape.empty())
    return {input.name, random_numbers(input.dtype, shape, random_)};
  const auto length = static_cast<size_t>(shape.back());
  const auto value = [&](size_t i) {
    return token_value(input.name, i % length, vocabulary_, random_);
  };
  return {input.name, input.dtype == DType::Int64 ? filled<int64_t>(input.dtype, shape, value)
                                                  : filled<int32_t>(input.dtype, shape, value)};
}

std::vector<NamedTensor> TensorSource::next() {
  std::vector<NamedTensor> tensors;
  tensors.reserve(inputs_.size());
  for (const InputSpec& input : inputs_) tensors.push_back(tensor(input));
  return tensors;
}

}  // namespace neso::load
