// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/onnx_weights.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "checkpoint/in_quotes.h"
#include "checkpoint/onnx_external_data.h"
#include "checkpoint/onnx_graph.h"
#include "checkpoint/onnx_weight_names.h"
#include "checkpoint/weight_file.h"

namespace neso {

namespace {

namespace fs = std::filesystem;

// out [columns, rows] = in [rows, columns] transposed, block by block for the cache's sake.
void transpose(std::span<const float> in, size_t rows, size_t columns, std::span<float> out) {
  constexpr size_t kBlock = 32;
  for (size_t row = 0; row < rows; row += kBlock) {
    for (size_t column = 0; column < columns; column += kBlock) {
      const size_t last_row = std::min(rows, row + kBlock);
      const size_t last_column = std::min(columns, column + kBlock);
      for (size_t c = column; c < last_column; ++c) {
        for (size_t r = row; r < last_row; ++r) out[c * rows + r] = in[r * columns + c];
      }
    }
  }
}

class OnnxWeightStore final : public WeightStore {
 public:
  // Takes the weights that `names` names. `model` is the file that the graph was read from.
  Result<> fill(const OnnxGraph& graph, const OnnxWeightNames& names, WeightFile model) {
    const fs::path folder = model.path().parent_path();
    files_.emplace("", std::move(model));
    for (const auto& [name, weight] : names) {
      const OnnxTensor& tensor = graph.tensors[weight.tensor];
      auto file = files_.find(tensor.location);
      if (file == files_.end()) {
        NESO_TRY(WeightFile opened, WeightFile::open(folder / tensor.location));
        file = files_.emplace(tensor.location, std::move(opened)).first;
      }
      if (tensor.offset + tensor.size > file->second.size()) {
        return internal_error("{} became shorter while it was being read",
                              file->second.path().string());
      }
      Place place{tensor.info, weight.transposed, tensor.offset, &file->second};
      if (weight.transposed) std::ranges::reverse(place.info.shape);
      tensors_.emplace(name, std::move(place));
    }
    return {};
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    names.reserve(tensors_.size());
    for (const auto& [name, place] : tensors_) names.push_back(name);
    return names;
  }

  const WeightInfo* find(std::string_view name) const override {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second.info;
  }

  Result<> read_fp32(std::string_view name, std::span<float> out) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      return not_found("the model's weights have no tensor {}", in_quotes(name));
    const Place& place = found->second;
    NESO_CHECK(static_cast<int64_t>(out.size()) == element_count(place.info.shape));
    if (Result<> read = read_place(place, out); !read) {
      return read.error().with_context(fmt::format("tensor {}", in_quotes(name)));
    }
    return place.file->check_unchanged();
  }

 private:
  struct Place {
    WeightInfo info;
    bool transposed = false;  // the file has it the other way round
    uint64_t offset = 0;
    const WeightFile* file = nullptr;
  };

  static Result<> read_place(const Place& place, std::span<float> out) {
    if (!place.transposed) return place.file->read_fp32(place.info, place.offset, out);
    std::vector<float> stored(out.size());
    NESO_TRY_VOID(place.file->read_fp32(place.info, place.offset, stored));
    const auto rows = static_cast<size_t>(place.info.shape[1]);
    transpose(stored, rows, static_cast<size_t>(place.info.shape[0]), out);
    return {};
  }

  std::map<std::string, WeightFile> files_;  // by location; the model's own has none
  std::map<std::string, Place, std::less<>> tensors_;
};

}  // namespace

Result<std::shared_ptr<const WeightStore>> open_onnx_weights(const fs::path& model) {
  NESO_TRY(WeightFile file, WeightFile::open(model));
  NESO_TRY_VOID(check_onnx_file(model));
  NESO_TRY(OnnxReader reader, OnnxReader::open(model));
  NESO_TRY(const OnnxGraph graph, read_onnx_graph(reader));
  const Result<OnnxWeightNames> names = name_onnx_weights(graph);
  if (!names) return names.error().with_context(reader.name());
  auto store = std::make_shared<OnnxWeightStore>();
  NESO_TRY_VOID(store->fill(graph, *names, std::move(file)));
  return std::shared_ptr<const WeightStore>(std::move(store));
}

}  // namespace neso
