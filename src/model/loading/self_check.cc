// SPDX-License-Identifier: Apache-2.0
#include "model/loading/self_check.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/pooling.h"
#include "model/loading/probe_texts.h"
#include "simd/cpu.h"

namespace neso {
namespace {

TokenBatch load_probes(const EncoderModel& model) {
  TokenBatch batch;
  for (const std::string_view text : probe_texts().first(model.text ? kLoadProbes : 0)) {
    // Some vocabularies have no token for a text; a request with it would fail alone.
    const auto prepared = model.text->prepare("", text, true);
    if (prepared) batch.append(prepared->sequence.ids, prepared->sequence.type_ids);
  }
  if (batch.size() > 0) return batch;
  std::vector<int32_t> ids = {0, 1, 2};
  const TokenLimits& limits = model.limits;
  if (limits.max_positions != 0) ids.resize(std::min(ids.size(), limits.max_positions));
  for (int32_t& id : ids) {
    if (limits.vocabulary != 0) id = std::min(id, static_cast<int32_t>(limits.vocabulary - 1));
  }
  batch.append(ids);
  return batch;
}

Result<std::vector<float>> vector_of(const ReferenceVector& reference, Engine& engine,
                                     const EncoderModel& model, const PoolingSpec& pooling) {
  NESO_TRY(const std::string prompt, model.text->prompt(reference.prompt_name));
  NESO_TRY(const PreparedText prepared, model.text->prepare(prompt, reference.text, true));
  TokenBatch batch;
  batch.append(prepared.sequence.ids, prepared.sequence.type_ids);
  std::vector<float> pooled(model.pooled_width);
  NESO_TRY_VOID(engine.encode(batch, pooling, pooled));
  VectorFinish finish = model.finish;
  finish.dimensions = reference.values.size();
  finish_vector(pooled, finish);
  pooled.resize(finish.dimensions);
  return pooled;
}

// Damaged weights and kernels that compute wrongly look the same; a run with others tells.
std::string what_to_try(std::string_view kernels) {
  if (kernels.empty()) return "";
  constexpr std::string_view kDamaged = "compare the model's files with where they came from";
  if (kernels == to_string(Isa::Generic)) return fmt::format("; {}", kDamaged);
  return fmt::format(
      "; it was computed by the kernels for {}: try --isa=generic, and report it if that serves "
      "the model; else {}",
      kernels, kDamaged);
}

}  // namespace

Result<> run_load_probes(Engine& engine, const EncoderModel& model, const PoolingSpec& pooling) {
  const auto run = [&]() -> Result<> {
    const TokenBatch batch = load_probes(model);
    std::vector<float> vectors(batch.size() * model.pooled_width);
    NESO_TRY_VOID(engine.encode(batch, pooling, vectors));
    if (!all_finite(vectors)) return internal_error("a vector is not finite");
    for (size_t row = 0; row < batch.size(); ++row) {
      const auto vector = std::span(vectors).subspan(row * model.pooled_width, model.pooled_width);
      if (std::ranges::all_of(vector, [](float v) { return v == 0.0F; })) {
        return internal_error("a vector is all zero");
      }
    }
    return {};
  };
  auto ran = run();
  if (ran) return {};
  Error error = ran.error().with_context("the self-check failed");
  error.message += what_to_try(engine.info().kernels);
  return error;
}

double reference_bound(Precision precision, bool own) {
  if (!own) return 0.98;
  switch (precision) {
    case Precision::Fp32:
      return 0.9999;
    case Precision::Bf16:
      return 0.999;
    case Precision::Int8:
      return 0.98;
  }
  return 1;
}

Result<ReferenceAgreement> compare_with_references(Engine& engine, const EncoderModel& model,
                                                   const PoolingSpec& pooling,
                                                   const ReferenceVectors& references) {
  if (references.width() > model.pooled_width) {
    return invalid_argument(
        "{}: its vectors have {} values, but this model's have {}; the file belongs to another "
        "model: write it again with tools/make_reference_vectors.py, or remove it",
        references.file.string(), references.width(), model.pooled_width);
  }
  std::vector<float> expected;
  std::vector<float> ours;
  for (size_t i = 0; i < references.vectors.size(); ++i) {
    const ReferenceVector& reference = references.vectors[i];
    auto vector = vector_of(reference, engine, model, pooling);
    if (!vector) {
      return vector.error().with_context(fmt::format("{}: text {}", references.file.string(), i));
    }
    ours.insert(ours.end(), vector->begin(), vector->end());
    expected.insert(expected.end(), reference.values.begin(), reference.values.end());
  }
  return ReferenceAgreement{.cosines = compare_rows(expected, ours, references.width()),
                            .vectors = references.vectors.size(),
                            .file = references.file,
                            .kernels = engine.info().kernels};
}

Result<> check_agreement(const ReferenceAgreement& agreement) {
  if (agreement.cosines.least >= agreement.bound) return {};
  return invalid_argument(
      "the model does not give its reference vectors: text {} of {} has a cosine of {:.6f} to the "
      "vector there, less than {}; check that weights, tokenizer, pooling and prompts are those "
      "that the vectors were made with. If the model was changed on purpose, write the file again "
      "with tools/make_reference_vectors.py; without the file nothing is compared{}",
      agreement.cosines.least_row, agreement.file.string(), agreement.cosines.least,
      agreement.bound, what_to_try(agreement.kernels));
}

}  // namespace neso
