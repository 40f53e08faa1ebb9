// SPDX-License-Identifier: Apache-2.0
// What every encoder must pass before it serves: a few probes give vectors that are finite and not
// zero, and the texts of the folder's reference_vectors.json give the vectors written there.
#pragma once

#include "base/result.h"
#include "checkpoint/reference_vectors.h"
#include "engine/engine.h"
#include "model/infer_plan.h"
#include "model/reference_agreement.h"

namespace neso {

// Runs the probes of the load, or a few ids where the model takes no texts.
Result<> run_load_probes(Engine& engine, const EncoderModel& model, const PoolingSpec& pooling);

// The cosine that every reference vector must reach; docs/formats/model-folder.md says why. A
// graph that ONNX Runtime runs (own: false) may be quantized without saying so.
double reference_bound(Precision precision, bool own);

// Each text as a request would bring it: prompt, tokenizer, the limit of tokens, the engine,
// pooling, the cut to the references' width, normalisation. An error when one of them cannot run,
// or when they are wider than the model's vectors. model.text must be there.
Result<ReferenceAgreement> compare_with_references(Engine& engine, const EncoderModel& model,
                                                   const PoolingSpec& pooling,
                                                   const ReferenceVectors& references);

// Refuses what is below the bound, with the text's number and what to do.
Result<> check_agreement(const ReferenceAgreement& agreement);

}  // namespace neso
