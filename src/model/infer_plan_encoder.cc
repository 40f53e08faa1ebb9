// SPDX-License-Identifier: Apache-2.0
// Ids or texts in; vectors, token states or the graph's own outputs out.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "engine/pooling.h"
#include "model/infer_plan.h"
#include "model/prepare_texts.h"
#include "request/request_checks.h"

namespace neso {
namespace {

const Tensor* find(const InferRequest& request, const char* name) {
  const auto found = std::ranges::find(request.inputs, name, &NamedTensor::name);
  return found == request.inputs.end() ? nullptr : &found->tensor;
}

struct Rows {
  TokenRows tokens;
  size_t truncated = 0;
};

// The input `text`: [texts] or [texts, 1].
Result<Rows> rows_of_texts(const EncoderModel& model, const InferRequest& request,
                           const RequestLife& life) {
  const RequestRules& rules = model.signature.rules;
  const NamedTensor& input = request.inputs.front();
  if (input.tensor.dtype() != DType::Bytes) {
    return invalid_argument(
        "{}inference input '{}' data-type is '{}', but model '{}' expects 'BYTES'",
        request_prefix(request.id), input.name, kserve_name(input.tensor.dtype()), rules.model);
  }
  const Shape& shape = input.tensor.shape();
  if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[1] != 1) || shape[0] < 1) {
    return invalid_argument(
        "{}unexpected shape for input '{}' for model '{}'. Expected [-1] or [-1,1], got {}. ",
        request_prefix(request.id), input.name, rules.model, shape_text(shape));
  }
  if (rules.max_batch_size > 0 && shape[0] > rules.max_batch_size) {
    return invalid_argument("{}inference request batch-size must be <= {} for '{}'",
                            request_prefix(request.id), rules.max_batch_size, rules.model);
  }
  NESO_TRY(const auto texts, check_bytes_input(rules.model, request, input, shape[0]));
  NESO_TRY(const std::string prompt, model.text->prompt(std::nullopt));
  Rows rows;
  std::vector<SequenceWork> sequences;
  NESO_TRY(auto all, prepare_texts(*model.text, prompt, texts, true, life));
  for (size_t row = 0; row < texts.size(); ++row) {
    Result<PreparedText>& prepared = all[row];
    if (!prepared) return prepared.error().with_context(fmt::format("row {} of input 'text'", row));
    rows.truncated += prepared->truncated ? 1 : 0;
    sequences.push_back(std::move(prepared->sequence));
  }
  rows.tokens = rows_of_sequences(std::move(sequences), model.pad_token_id);
  return rows;
}

// What belongs to ids cannot come without them.
Result<> check_has_ids(const EncoderModel& model, const InferRequest& request) {
  if (find(request, kInputIds) != nullptr) return {};
  for (const char* name : {kAttentionMask, kTokenTypeIds, kPositionIds}) {
    if (find(request, name) == nullptr) continue;
    return invalid_argument("{}input '{}' belongs to an input 'input_ids', which is missing{}",
                            request_prefix(request.id), name,
                            model.signature.takes_text ? "; send both, or 'text' alone" : "");
  }
  return {};
}

Result<Rows> read_rows(const EncoderModel& model, const InferRequest& request,
                       const RequestLife& life) {
  const bool has_text = find(request, kTextInput) != nullptr;
  if (model.signature.takes_text && has_text) {
    if (request.inputs.size() == 1) return rows_of_texts(model, request, life);
    return invalid_argument(
        "{}input 'text' stands alone: the model's tokenizer makes the ids, so send either texts or "
        "ids",
        request_prefix(request.id));
  }
  NESO_TRY_VOID(check_has_ids(model, request));
  NESO_TRY_VOID(check_inputs(model.signature.rules, request));
  const TokenInputs inputs = {.ids = find(request, kInputIds),
                              .mask = find(request, kAttentionMask),
                              .types = find(request, kTokenTypeIds),
                              .positions = find(request, kPositionIds)};
  if (inputs.ids == nullptr) {
    return invalid_argument("{}model '{}' takes its texts as input 'text'",
                            request_prefix(request.id), model.signature.rules.model);
  }
  Rows rows;
  NESO_TRY(rows.tokens, read_token_rows(inputs, model.limits, model.pad_token_id));
  return rows;
}

Result<TensorWork> graph_work(const EncoderModel& model, const TokenRows& rows,
                              std::vector<std::string> outputs) {
  TensorWork work;
  work.outputs = std::move(outputs);
  work.rows = rows.sequences.size();
  work.joinable = model.graph_joins_requests;
  for (const TensorSpec& spec : model.signature.graph_inputs) {
    auto tensor = dense_tensor(rows, spec.name, spec.dtype);
    if (!tensor) return internal_error("the graph's input '{}' cannot be derived", spec.name);
    work.inputs.push_back({spec.name, *std::move(tensor)});
  }
  return work;
}

// What of the plan's works an output is made from: the first of its works, one a row or one in all.
struct Source {
  std::string name;
  OutputSource source;
  size_t first_work;
};

struct Assembly {
  std::vector<Source> sources = {};
  size_t rows = 0;
  std::vector<std::vector<size_t>> places =
      {};  // of each row's tokens in a dense row; for states only
  size_t columns = 0;
  bool without_batch = false;
  size_t width = 0;
  size_t hidden = 0;
  VectorFinish finish = {};
};

NamedTensor vectors(const Assembly& assembly, const Source& source,
                    std::vector<JobOutput>& outputs) {
  const size_t rows = assembly.rows;
  std::vector<float> values;
  values.reserve(rows * assembly.width);
  for (size_t row = 0; row < rows; ++row) {
    auto& pooled = std::get<std::vector<float>>(outputs[source.first_work + row]);
    const auto vector = finish_vector(pooled, assembly.finish);
    values.insert(values.end(), vector.begin(), vector.end());
  }
  Shape shape = {static_cast<int64_t>(rows), static_cast<int64_t>(assembly.width)};
  if (assembly.without_batch) shape.erase(shape.begin());
  return {source.name, Tensor::from<float>(DType::Fp32, std::move(shape), values)};
}

NamedTensor states(const Assembly& assembly, const Source& source,
                   const std::vector<JobOutput>& outputs) {
  const size_t rows = assembly.rows;
  const size_t hidden = assembly.hidden;
  std::vector<float> values(rows * assembly.columns * hidden, 0.0F);
  for (size_t row = 0; row < rows; ++row) {
    const auto& packed = std::get<std::vector<float>>(outputs[source.first_work + row]);
    for (size_t token = 0; token < assembly.places[row].size(); ++token) {
      const size_t place = row * assembly.columns + assembly.places[row][token];
      std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(token * hidden), hidden,
                  values.begin() + static_cast<std::ptrdiff_t>(place * hidden));
    }
  }
  Shape shape = {static_cast<int64_t>(rows), static_cast<int64_t>(assembly.columns),
                 static_cast<int64_t>(hidden)};
  if (assembly.without_batch) shape.erase(shape.begin());
  return {source.name, Tensor::from<float>(DType::Fp32, std::move(shape), values)};
}

std::vector<NamedTensor> assemble(const Assembly& assembly, std::vector<JobOutput> outputs) {
  std::vector<NamedTensor> answered;
  for (const Source& source : assembly.sources) {
    switch (source.source) {
      case OutputSource::Vector:
        answered.push_back(vectors(assembly, source, outputs));
        break;
      case OutputSource::States:
        answered.push_back(states(assembly, source, outputs));
        break;
      case OutputSource::Graph: {
        const auto& graph = std::get<std::vector<NamedTensor>>(outputs[source.first_work]);
        const auto found = std::ranges::find(graph, source.name, &NamedTensor::name);
        NESO_CHECK(found != graph.end());
        answered.push_back(*found);
      }
    }
  }
  return answered;
}

std::vector<std::vector<size_t>> places_of(const TokenRows& rows) {
  std::vector<std::vector<size_t>> places(rows.sequences.size());
  for (size_t i = 0; i < rows.mask.size(); ++i) {
    if (rows.mask[i] != 0) places[i / rows.columns].push_back(i % rows.columns);
  }
  return places;
}

}  // namespace

Result<InferPlan> plan_encoder(const EncoderModel& model, InferRequest& request,
                               const RequestLife& life) {
  NESO_TRY_VOID(check_duplicates(request));
  if (request.outputs.empty() && find(request, kTextInput) != nullptr) {
    request.outputs = model.signature.text_outputs;
  }
  NESO_TRY(const auto wanted, check_outputs(model.signature.rules, request));
  NESO_TRY(Rows rows, read_rows(model, request, life));

  InferPlan plan;
  plan.rows = rows.tokens.sequences.size();
  plan.truncated_texts = rows.truncated;
  Assembly assembly{.rows = plan.rows,
                    .columns = rows.tokens.columns,
                    .without_batch = model.signature.vectors_per_request && plan.rows == 1,
                    .width = model.width,
                    .hidden = model.hidden,
                    .finish = model.finish};
  std::vector<std::string> from_graph;
  for (const EncoderOutput& output : model.signature.outputs) {
    if (std::ranges::find(wanted, output.name) == wanted.end()) continue;
    assembly.sources.push_back({output.name, output.source, plan.works.size()});
    if (output.source == OutputSource::Graph) {
      from_graph.push_back(output.name);
      continue;
    }
    if (output.source == OutputSource::States) assembly.places = places_of(rows.tokens);
    for (SequenceWork sequence : rows.tokens.sequences) {
      sequence.token_states = output.source == OutputSource::States;
      plan.works.emplace_back(std::move(sequence));
    }
  }
  plan.one_work_per_row = from_graph.empty();
  if (!from_graph.empty()) {
    NESO_TRY(auto work, graph_work(model, rows.tokens, std::move(from_graph)));
    for (Source& source : assembly.sources) {
      if (source.source == OutputSource::Graph) source.first_work = plan.works.size();
    }
    plan.works.emplace_back(std::move(work));
  }
  plan.assemble = [assembly = std::move(assembly)](std::vector<JobOutput> outputs) {
    return assemble(assembly, std::move(outputs));
  };
  return plan;
}

}  // namespace neso
