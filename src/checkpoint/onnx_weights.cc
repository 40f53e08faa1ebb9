// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/onnx_weights.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "checkpoint/onnx_external_data.h"
#include "checkpoint/onnx_graph.h"
#include "checkpoint/onnx_weight_names.h"
#include "checkpoint/placed_weights.h"

namespace neso {

namespace {

namespace fs = std::filesystem;

// Puts the weights that `names` names into `store`. `model` is the file that the graph was read
// from.
Result<> fill(const OnnxGraph& graph, const OnnxWeightNames& names, WeightFile model,
              PlacedWeights& store) {
  const fs::path folder = model.path().parent_path();
  std::map<std::string, WeightFile> files;  // by location; the model's own has none
  files.emplace("", std::move(model));
  for (const auto& [name, weight] : names) {
    const OnnxTensor& tensor = graph.tensors[weight.tensor];
    auto file = files.find(tensor.location);
    if (file == files.end()) {
      NESO_TRY(WeightFile opened, WeightFile::open(folder / tensor.location));
      file = files.emplace(tensor.location, std::move(opened)).first;
    }
    if (tensor.offset + tensor.size > file->second.size()) {
      return internal_error("{} became shorter while it was being read",
                            file->second.path().string());
    }
    WeightPlace place{tensor.info, tensor.offset, file->second, weight.transposed};
    if (weight.transposed) std::ranges::reverse(place.info.shape);
    store.add(name, place);
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const WeightStore>> open_onnx_weights(const fs::path& model) {
  NESO_TRY(WeightFile file, WeightFile::open(model));
  NESO_TRY_VOID(check_onnx_file(model));
  NESO_TRY(OnnxReader reader, OnnxReader::open(model));
  NESO_TRY(const OnnxGraph graph, read_onnx_graph(reader));
  const Result<OnnxWeightNames> names = name_onnx_weights(graph);
  if (!names) return names.error().with_context(reader.name());
  auto store = std::make_shared<PlacedWeights>();
  NESO_TRY_VOID(fill(graph, *names, std::move(file), *store));
  return std::shared_ptr<const WeightStore>(std::move(store));
}

}  // namespace neso
