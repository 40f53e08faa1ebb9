// SPDX-License-Identifier: Apache-2.0
// Any bytes as an ONNX file whose weights we take: opened as the server opens it, and what it then
// names is read. There is one file of 64 bytes, "data", beside it, and a link that leads out.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/temporary_folder.h"
#include "checkpoint/onnx_weights.h"

namespace {

class ModelFolder {
 public:
  ModelFolder() {
    folder_.write("data", std::string(64, 'x'));
    std::filesystem::create_symlink("/etc/passwd", folder_ / "link");
  }
  std::filesystem::path model(std::string_view bytes) const {
    return folder_.write("model.onnx", bytes);
  }

 private:
  neso::TemporaryFolder folder_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ModelFolder folder;
  const auto store = neso::open_onnx_weights(
      folder.model(std::string_view(reinterpret_cast<const char*>(data), size)));
  if (!store) {
    NESO_CHECK(!store.error().message.empty());
    return 0;
  }
  for (const std::string& name : (*store)->names()) {
    const neso::WeightInfo* info = (*store)->find(name);
    NESO_CHECK(info != nullptr);
    if (info->dtype == neso::DType::Bytes) continue;  // no floats
    const auto elements = neso::element_count(info->shape);
    NESO_CHECK(elements.has_value());
    // They lie in the file, or beside it.
    NESO_CHECK(static_cast<size_t>(*elements) <= size + 64);
    std::vector<float> values(static_cast<size_t>(*elements));
    NESO_CHECK((*store)->read_fp32(name, values).has_value());
  }
  return 0;
}
