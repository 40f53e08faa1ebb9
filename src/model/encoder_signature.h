// SPDX-License-Identifier: Apache-2.0
// How the inputs and outputs that an encoder's config declares map to what the engine computes:
// decided and checked once, at load. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"
#include "engine/engine.h"
#include "request/request_checks.h"

namespace neso {

inline constexpr const char* kTextInput = "text";
// The vectors' name where a config declares none.
inline constexpr const char* kVectorOutput = "embeddings";

// Where a declared output comes from.
enum class OutputSource {
  Vector,  // pooled: one row a text
  States,  // token states, padded with zeros: [texts, tokens, hidden]
  Graph,   // the graph's output of that name, as it is
};

struct EncoderOutput {
  std::string name;
  OutputSource source = OutputSource::Vector;
};

struct EncoderSignature {
  RequestRules rules;       // the declared inputs, optional where one can be derived
  bool takes_text = false;  // there is a tokenizer
  std::vector<EncoderOutput> outputs;
  // What texts are answered with when a request names no outputs: those that are one vector a text.
  // A model with a tokenizer always has one; `embeddings` is added when the config declares none.
  std::vector<std::string> text_outputs;
  std::vector<TensorSpec> graph_inputs;  // to fill when a Graph output is wanted
  bool vectors_per_request =
      false;  // ids are declared without a batch dimension: one text, [width]
};

struct EncoderSizes {
  size_t width = 0;   // of the vectors that are served
  size_t hidden = 0;  // of a token state
};

// What a model's folder tells besides its weights.
struct EncoderFolder {
  bool tokenizer = false;
  bool architecture = false;  // of a family that we know
};

// A mask and types may be left out of requests of what is known to be an encoder, by its folder or
// by the token states that it gives; any other graph stays as strict as Triton is. Refuses, in a
// sentence that goes into the repository index: an input that no encoder has, types and sizes other
// than the model's.
Result<EncoderSignature> make_encoder_signature(const ModelConfig& config, const EngineInfo& engine,
                                                const EncoderSizes& sizes,
                                                const EncoderFolder& folder);

// For all other models: every declared tensor against the graph's, in the words of Triton's ONNX
// Runtime backend.
Result<> check_against_graph(const ModelConfig& config, const EngineInfo& engine);

}  // namespace neso
