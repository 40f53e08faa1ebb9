// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_facts.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "checkpoint/reference_vectors.h"
#include "engine/onnx/onnx_engine.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

std::string mib(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::GeluErf:
      return "gelu";
    case Activation::GeluTanh:
      return "gelu, by tanh";
    case Activation::Relu:
      return "relu";
    case Activation::Silu:
      return "silu";
  }
  return "";
}

// "safetensors, F32, 86.6 MiB in 103 tensors".
std::string describe_weights(const Checkpoint& checkpoint) {
  std::set<std::string> types;
  uint64_t bytes = 0;
  const auto names = checkpoint.weights->names();
  for (const std::string& name : names) {
    const WeightInfo& info = *checkpoint.weights->find(name);
    types.emplace(info.stored_as);
    bytes +=
        static_cast<uint64_t>(element_count(info.shape).value_or(0)) * element_size(info.dtype);
  }
  return fmt::format("{}, {}, {} in {} tensors",
                     checkpoint.onnx_weights.empty() ? "safetensors" : "of the ONNX export",
                     fmt::join(types, " and "), mib(bytes), names.size());
}

Result<FactSection> found_files(const ModelSource& source, const ModelFiles& files) {
  FactSection section{"files", {}};
  auto& facts = section.facts;
  std::error_code ignored;
  const fs::path folder = files.checkpoint ? files.checkpoint->folder : source.model_folder;
  facts.push_back({"folder", folder.string()});
  std::vector<std::string> settings;
  for (const char* name :
       {"config.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json",
        "tokenizer_config.json", "config_sentence_transformers.json"}) {
    if (fs::exists(folder / name, ignored)) settings.emplace_back(name);
  }
  if (fs::exists(source.model_folder / "config.pbtxt", ignored))
    settings.emplace_back("config.pbtxt");
  facts.push_back(
      {"settings", settings.empty() ? "none" : fmt::format("{}", fmt::join(settings, ", "))});
  if (files.checkpoint) {
    const bool ours = files.checkpoint->weights != nullptr;
    facts.push_back({"weights",
                     ours ? describe_weights(*files.checkpoint) : "none that our engine can run",
                     ours ? "" : files.checkpoint->no_weights_reason});
  }
  if (!files.onnx_model.empty()) {
    const auto bytes = onnx_model_bytes(files.onnx_model);
    facts.push_back({"onnx", fmt::format("{}{}", files.candidates.onnx_file,
                                         bytes ? ", " + mib(*bytes) : std::string())});
  }
  facts.push_back({"tokenizer", files.tokenizer_json.empty()
                                    ? std::string("none: it takes input_ids, but no text")
                                    : files.tokenizer_json.filename().string()});
  if (files.reference_vectors.empty()) {
    facts.push_back({"reference_vectors", "none", "tools/make_reference_vectors.py writes them"});
  } else {
    NESO_TRY(const ReferenceVectors references, read_reference_vectors(files.reference_vectors));
    facts.push_back({"reference_vectors",
                     fmt::format("{} of {} values", references.vectors.size(), references.width()),
                     references.made_by});
  }
  return section;
}

FactSection architecture(const Architecture& a) {
  return {"architecture",
          {{"family", a.family.empty() ? "none of ours" : a.family},
           {"layers", uint64_t{a.layers}},
           {"hidden", uint64_t{a.hidden}},
           {"heads", uint64_t{a.heads}},
           {"intermediate", uint64_t{a.intermediate}},
           {"vocabulary", uint64_t{a.vocabulary}},
           {"positions", uint64_t{a.max_positions},
            a.position_kind == PositionKind::Rotary ? "rotary" : "learned"},
           {"activation", fmt::format("{}{}", name_of(a.activation), a.gated ? ", gated" : "")}}};
}

FactSection texts(const Checkpoint& checkpoint) {
  std::vector<std::string_view> modes;
  for (const PoolingMode mode : checkpoint.pooling.modes) modes.push_back(to_string(mode));
  std::vector<std::string> prompts;
  for (const auto& [name, text] : checkpoint.prompts) {
    prompts.push_back(name == checkpoint.default_prompt_name ? name + " (default)" : name);
  }
  const size_t width = checkpoint.pooling.width(checkpoint.architecture.hidden);
  return {"texts",
          {{"pooling", fmt::format("{}", fmt::join(modes, ", "))},
           {"normalize", checkpoint.normalize},
           {"dimensions", uint64_t{checkpoint.truncate_dim.value_or(width)},
            checkpoint.truncate_dim ? fmt::format("of {}, by truncate_dim", width) : ""},
           {"prompts", prompts.empty() ? "none" : fmt::format("{}", fmt::join(prompts, ", "))},
           {"max_tokens", uint64_t{checkpoint.max_tokens}, checkpoint.max_tokens_source}}};
}

}  // namespace

Result<std::vector<FactSection>> file_facts(const ModelSource& source, const ModelFiles& files) {
  std::vector<FactSection> sections;
  NESO_TRY(sections.emplace_back(), found_files(source, files));
  if (files.checkpoint) {
    sections.push_back(architecture(files.checkpoint->architecture));
    sections.push_back(texts(*files.checkpoint));
  }
  return sections;
}

}  // namespace neso
