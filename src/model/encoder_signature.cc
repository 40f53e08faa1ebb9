// SPDX-License-Identifier: Apache-2.0
#include "model/encoder_signature.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/token_rows.h"

namespace neso {
namespace {

const TensorSpec* find(const std::vector<TensorSpec>& specs, const std::string& name) {
  const auto found = std::ranges::find(specs, name, &TensorSpec::name);
  return found == specs.end() ? nullptr : &*found;
}

std::string names_of(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : specs) names.push_back(spec.name);
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, ", "));
}

Error wrong_type(const ModelConfig& config, const ModelTensor& declared, std::string_view side,
                 std::string_view provided) {
  return invalid_argument(
      "unable to load model '{}', configuration expects datatype {} for {} '{}', model provides {}",
      config.name, config_name(declared.dtype), side, declared.name, provided);
}

// Declared dims against the graph's own shape; -1 on either side fits anything.
Result<> check_dims(const ModelConfig& config, const ModelTensor& declared,
                    const TensorSpec& spec) {
  Shape full = declared.reshape.value_or(declared.dims);
  const bool batches = config.max_batch_size > 0;
  if (batches && (spec.shape.empty() || spec.shape.front() != -1)) {
    return invalid_argument(
        "model '{}', tensor '{}': for the model to support batching the shape should have at least "
        "1 "
        "dimension and the first dimension must be -1; but shape expected by the model is {}",
        config.name, declared.name, shape_text(spec.shape));
  }
  if (batches) full.insert(full.begin(), -1);
  bool fits = full.size() == spec.shape.size();
  for (size_t i = 0; fits && i < full.size(); ++i) {
    fits = full[i] == spec.shape[i] || full[i] == -1 || spec.shape[i] == -1;
  }
  if (fits) return {};
  return invalid_argument(
      "model '{}', tensor '{}': the model expects {} dimensions (shape {}) but the model "
      "configuration specifies {} dimensions ({}shape {})",
      config.name, declared.name, spec.shape.size(), shape_text(spec.shape), full.size(),
      batches ? "an initial batch dimension because max_batch_size > 0 followed by the explicit "
                "tensor shape, making complete "
              : "",
      shape_text(full));
}

// A mask and types that a graph lacks are read all the same; positions it could not be told.
std::vector<std::string> encoder_inputs(const EngineInfo& engine, bool has_tokenizer) {
  std::vector<std::string> names = {kInputIds, kAttentionMask, kTokenTypeIds};
  const bool takes_positions = !engine.can_run || find(engine.inputs, kPositionIds) != nullptr;
  if (takes_positions) names.emplace_back(kPositionIds);
  if (has_tokenizer) names.emplace_back(kTextInput);
  return names;
}

Result<> check_encoder_input(const ModelConfig& config, const ModelTensor& declared,
                             const std::vector<std::string>& allowed) {
  if (std::ranges::find(allowed, declared.name) == allowed.end()) {
    return invalid_argument("unexpected inference input '{}', allowed inputs are: {}",
                            declared.name, fmt::join(allowed, ", "));
  }
  if (declared.name == kTextInput) {
    if (declared.dtype == DType::Bytes) return {};
    return wrong_type(config, declared, "input", "TYPE_STRING");
  }
  if (declared.dtype != DType::Int64 && declared.dtype != DType::Int32) {
    return wrong_type(config, declared, "input", "TYPE_INT64");
  }
  const size_t rank = declared.dims.size() + (config.max_batch_size > 0 ? 1 : 0);
  if (rank == 2 || (rank == 1 && config.max_batch_size == 0)) return {};
  return invalid_argument(
      "unable to load model '{}', input '{}' is declared with dims {}; it is [ -1 ], one text's "
      "tokens",
      config.name, declared.name, shape_text(declared.dims));
}

// A declared size that the model does not have.
Error wrong_width(const ModelConfig& config, const ModelTensor& declared, size_t width) {
  return invalid_argument(
      "unable to load model '{}', output '{}' is declared with dims {}, but the model's vectors "
      "have "
      "{} values; write {} or -1 instead of {}",
      config.name, declared.name, shape_text(declared.dims), width, width, declared.dims.back());
}

// Ours, or a graph that gives each token's state. One of ids and a mask that gives only something
// per row may compute anything.
bool is_known_to_encode(const EngineInfo& engine) {
  return !engine.can_run || std::ranges::any_of(engine.outputs, [](const TensorSpec& output) {
    return output.shape.size() == 3;
  });
}

struct OutputRules {
  const ModelConfig& config;
  const EngineInfo& engine;
  const EncoderSizes& sizes;
  size_t lead;  // declared dimensions that count texts
};

Result<OutputSource> source_of(const OutputRules& rules, const ModelTensor& declared) {
  if (const TensorSpec* spec = find(rules.engine.outputs, declared.name)) {
    if (spec->dtype != declared.dtype) {
      return wrong_type(rules.config, declared, "output", config_name(spec->dtype));
    }
    NESO_TRY_VOID(check_dims(rules.config, declared, *spec));
    return OutputSource::Graph;
  }
  if (declared.dtype != DType::Fp32) {
    return wrong_type(rules.config, declared, "output", "TYPE_FP32");
  }
  const size_t rank = declared.dims.size() - std::min(rules.lead, declared.dims.size());
  const bool is_states = rank == 2 && declared.dims[rules.lead] == -1;
  if (rank != 1 && !is_states) {
    return invalid_argument(
        "unable to load model '{}', output '{}' is declared with dims {}; an encoder answers "
        "vectors, "
        "[ {} ], or token states, [ -1, {} ]",
        rules.config.name, declared.name, shape_text(declared.dims), rules.sizes.width,
        rules.sizes.hidden);
  }
  const size_t width = rank == 1 ? rules.sizes.width : rules.sizes.hidden;
  const int64_t size = declared.dims.back();
  if (size != -1 && size != static_cast<int64_t>(width)) {
    return wrong_width(rules.config, declared, width);
  }
  return rank == 1 ? OutputSource::Vector : OutputSource::States;
}

}  // namespace

Result<EncoderSignature> make_encoder_signature(const ModelConfig& config, const EngineInfo& engine,
                                                const EncoderSizes& sizes,
                                                const EncoderFolder& folder) {
  const bool has_tokenizer = folder.tokenizer;
  const bool derives = folder.tokenizer || folder.architecture || is_known_to_encode(engine);
  EncoderSignature signature;
  signature.takes_text = has_tokenizer;
  signature.graph_inputs = engine.inputs;
  signature.rules.model = config.name;
  signature.rules.max_batch_size = config.max_batch_size;
  const auto allowed = encoder_inputs(engine, has_tokenizer);
  for (ModelTensor declared : config.inputs) {
    NESO_TRY_VOID(check_encoder_input(config, declared, allowed));
    if (declared.name == kTextInput) continue;  // taken with or without a declaration
    if (derives) declared.optional = declared.name != kInputIds;
    signature.rules.inputs.push_back(std::move(declared));
  }
  const ModelTensor* ids = config.find_input(kInputIds);
  if (ids == nullptr && !has_tokenizer) {
    return invalid_argument("unable to load model '{}', its config declares no input 'input_ids'",
                            config.name);
  }
  signature.vectors_per_request =
      config.max_batch_size == 0 && ids != nullptr && ids->dims.size() == 1;
  const size_t lead = config.max_batch_size == 0 && !signature.vectors_per_request ? 1 : 0;
  for (const ModelTensor& declared : config.outputs) {
    NESO_TRY(const OutputSource source, source_of({config, engine, sizes, lead}, declared));
    signature.outputs.push_back({declared.name, source});
    signature.rules.outputs.push_back(declared.name);
    const bool is_vector = source == OutputSource::Vector ||
                           (source == OutputSource::Graph && declared.dims.size() == lead + 1);
    if (is_vector) signature.text_outputs.push_back(declared.name);
  }
  if (has_tokenizer && signature.text_outputs.empty() &&
      config.find_output(kVectorOutput) == nullptr) {
    signature.outputs.push_back({kVectorOutput, OutputSource::Vector});
    signature.rules.unlisted_outputs.push_back(kVectorOutput);
    signature.text_outputs.push_back(kVectorOutput);
  }
  return signature;
}

Result<> check_against_graph(const ModelConfig& config, const EngineInfo& engine) {
  const auto required = static_cast<size_t>(
      std::ranges::count_if(config.inputs, [](const ModelTensor& t) { return !t.optional; }));
  // Not declared: the server fills them in.
  const size_t filled_in = config.sequence_batching ? config.sequence_batching->graph_inputs() : 0;
  if (engine.inputs.size() < required + filled_in ||
      engine.inputs.size() > config.inputs.size() + filled_in) {
    return invalid_argument(
        "unable to load model '{}', configuration expects {} inputs, model provides {}",
        config.name, config.inputs.size() + filled_in, engine.inputs.size());
  }
  const auto check = [&](const ModelTensor& declared, const std::vector<TensorSpec>& specs,
                         std::string_view side) -> Result<> {
    const TensorSpec* spec = find(specs, declared.name);
    if (spec == nullptr) {
      return invalid_argument("unexpected inference {} '{}', allowed {}s are: {}", side,
                              declared.name, side, names_of(specs));
    }
    if (spec->dtype != declared.dtype) {
      return wrong_type(config, declared, side, config_name(spec->dtype));
    }
    // A scalar has no dimensions to compare; the config cannot say so but with a 1.
    if (spec->shape.empty() && config.max_batch_size == 0 && declared.dims == Shape{1}) return {};
    return check_dims(config, declared, *spec);
  };
  for (const ModelTensor& input : config.inputs) {
    NESO_TRY_VOID(check(input, engine.inputs, "input"));
  }
  for (const ModelTensor& output : config.outputs) {
    NESO_TRY_VOID(check(output, engine.outputs, "output"));
  }
  return {};
}

}  // namespace neso
