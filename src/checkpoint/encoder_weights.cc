// SPDX-License-Identifier: Apache-2.0
// From a family's templates to the names in one store, each checked for presence, shape and type.
#include "checkpoint/encoder_weights.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "checkpoint/families.h"
#include "checkpoint/in_quotes.h"

namespace neso {

namespace {

std::string spell(std::string_view prefix, std::string_view name_template, size_t layer) {
  std::string name = std::string(prefix) + std::string(name_template);
  if (const size_t place = name.find("{}"); place != std::string::npos)
    name.replace(place, 2, std::to_string(layer));
  return name;
}

// How a store spells a family's names.
struct Spelling {
  std::string_view prefix;
  const WeightTemplates* names;
};

// nullopt when the store has the family's word embedding under no prefix.
std::optional<Spelling> find_spelling(const Family& family, const WeightStore& store) {
  for (const std::string_view prefix : family.prefixes) {
    if (store.find(spell(prefix, family.weights.word, 0)) == nullptr) continue;
    const WeightTemplates& other = family.other_weights;
    const bool is_other = !other.qkv.empty() &&
                          store.find(spell(prefix, other.qkv.front(), 0) + ".weight") != nullptr;
    return Spelling{prefix, is_other ? &other : &family.weights};
  }
  return std::nullopt;
}

// Spells one family's templates as one store's files do, and checks every tensor that it names.
class NameFinder {
 public:
  NameFinder(const Family& family, const Architecture& architecture, const WeightStore& store,
             const Spelling& spelling)
      : family_(family),
        architecture_(architecture),
        store_(store),
        prefix_(spelling.prefix),
        templates_(*spelling.names) {}

  Result<EncoderWeightNames> find_all() const {
    EncoderWeightNames names;
    NESO_TRY(names.word, table(templates_.word, architecture_.vocabulary, family_.vocabulary.key));
    if (architecture_.position_kind == PositionKind::Learned) {
      NESO_TRY(names.position,
               table(templates_.position, architecture_.max_positions, family_.max_positions.key));
    }
    NESO_TRY(names.type,
             table(templates_.type, architecture_.type_vocabulary, family_.type_vocabulary.key));
    NESO_TRY(names.embedding_norm, norm(templates_.embedding_norm, 0));
    for (size_t layer = 0; layer < architecture_.layers; ++layer) {
      NESO_TRY(EncoderLayerWeightNames layer_names, find_layer(layer));
      names.layers.push_back(std::move(layer_names));
    }
    return names;
  }

 private:
  struct Size {
    size_t value;
    std::string_view key;  // of config.json
  };
  Size hidden() const { return {architecture_.hidden, family_.hidden.key}; }
  Size intermediate() const { return {architecture_.intermediate, family_.intermediate.key}; }

  Result<EncoderLayerWeightNames> find_layer(size_t layer) const {
    EncoderLayerWeightNames names;
    const Size qkv{hidden().value * 3 / templates_.qkv.size(), hidden().key};
    for (const std::string_view part : templates_.qkv) {
      NESO_TRY(names.qkv.emplace_back(), linear(part, layer, qkv, hidden()));
    }
    NESO_TRY(names.attention_output,
             linear(templates_.attention_output, layer, hidden(), hidden()));
    NESO_TRY(names.attention_norm, norm(templates_.attention_norm, layer));
    NESO_TRY(names.up, linear(templates_.up, layer, intermediate(), hidden()));
    if (architecture_.gated) {
      NESO_TRY(names.gate, linear(templates_.gate, layer, intermediate(), hidden()));
    }
    NESO_TRY(names.down, linear(templates_.down, layer, hidden(), intermediate()));
    NESO_TRY(names.output_norm, norm(templates_.output_norm, layer));
    return names;
  }

  Result<std::string> table(std::string_view name_template, size_t rows,
                            std::string_view rows_key) const {
    std::string name = spell(prefix_, name_template, 0);
    NESO_TRY_VOID(check(name, {{rows, rows_key}, hidden()}));
    return name;
  }

  // The weight is [out, in].
  Result<WeightAndBias> linear(std::string_view name_template, size_t layer, Size out,
                               Size in) const {
    const std::string name = spell(prefix_, name_template, layer);
    WeightAndBias names{name + ".weight", name + ".bias"};
    NESO_TRY_VOID(check(names.weight, {out, in}));
    if (!family_.linear_biases) {
      names.bias.clear();
      return names;
    }
    NESO_TRY_VOID(check(names.bias, {out}));
    return names;
  }

  // Files converted from TensorFlow say gamma and beta.
  Result<WeightAndBias> norm(std::string_view name_template, size_t layer) const {
    const std::string name = spell(prefix_, name_template, layer);
    WeightAndBias names{name + ".weight", name + ".bias"};
    if (store_.find(names.weight) == nullptr && store_.find(name + ".gamma") != nullptr) {
      names = {name + ".gamma", name + ".beta"};
    }
    NESO_TRY_VOID(check(names.weight, {hidden()}));
    NESO_TRY_VOID(check(names.bias, {hidden()}));
    return names;
  }

  Result<> check(const std::string& name, const std::vector<Size>& sizes) const {
    const WeightInfo* info = store_.find(name);
    if (info == nullptr) {
      return invalid_argument("the weights have no tensor {}, which model type \"{}\" needs",
                              in_quotes(name), family_.name);
    }
    Shape shape;
    std::string keys;
    for (const Size& size : sizes) {
      shape.push_back(static_cast<int64_t>(size.value));
      keys += fmt::format("{}{}", keys.empty() ? "" : ", ", size.key);
    }
    if (info->shape != shape) {
      return invalid_argument("tensor {} is {}, but config.json makes it {} ({})", in_quotes(name),
                              shape_text(info->shape), shape_text(shape), keys);
    }
    switch (info->dtype) {
      case DType::Fp16:
      case DType::Bf16:
      case DType::Fp32:
      case DType::Fp64:
        return {};
      default:
        return unsupported("tensor {} is stored as {}; supported are F32, F16, BF16 and F64",
                           in_quotes(name),
                           info->stored_as.empty() ? kserve_name(info->dtype) : info->stored_as);
    }
  }

  const Family& family_;
  const Architecture& architecture_;
  const WeightStore& store_;
  const std::string prefix_;
  const WeightTemplates& templates_;
};

}  // namespace

Result<EncoderWeightNames> encoder_weight_names(const Checkpoint& checkpoint) {
  if (checkpoint.weights == nullptr) {
    return unsupported("{} has no weights that this engine can read: {}",
                       checkpoint.folder.string(), checkpoint.no_weights_reason);
  }
  const Family* family = find_family(checkpoint.architecture.family);
  if (family == nullptr) {
    return unsupported("there is no encoder family {}", in_quotes(checkpoint.architecture.family));
  }
  const auto spelling = find_spelling(*family, *checkpoint.weights);
  if (!spelling) {
    return invalid_argument("the weights have no tensor {}, with none of the prefixes {}",
                            in_quotes(family->weights.word), list_in_quotes(family->prefixes));
  }
  return NameFinder(*family, checkpoint.architecture, *checkpoint.weights, *spelling).find_all();
}

void warn_of_unused_layers(Checkpoint& checkpoint) {
  const Family* family = find_family(checkpoint.architecture.family);
  if (checkpoint.weights == nullptr || family == nullptr) return;
  const auto spelling = find_spelling(*family, *checkpoint.weights);
  if (!spelling) return;
  const auto holds_layer = [&](size_t layer) {
    const std::string name =
        spell(spelling->prefix, spelling->names->qkv.front(), layer) + ".weight";
    return checkpoint.weights->find(name) != nullptr;
  };
  const size_t stated = checkpoint.architecture.layers;
  size_t held = stated;
  while (holds_layer(held)) ++held;
  if (held == stated) return;
  checkpoint.warnings.push_back(fmt::format(
      "config.json's {} is {}, but the weights hold {} layers; only the first {} will run",
      in_quotes(family->layers.key), stated, held, stated));
}

}  // namespace neso
