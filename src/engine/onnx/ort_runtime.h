// SPDX-License-Identifier: Apache-2.0
// Private to this folder: the opened ONNX Runtime library, its function table, and owning handles
// for its objects. Only functions that exist since kOldestApi may be called: the table of an older
// library is shorter.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace neso {

// 1.15 brought GetResizedStringTensorElementBuffer, without which a string with a NUL inside cannot
// be passed.
constexpr uint32_t kOldestApi = 15;

// An object of the library, released through its function table.
template <typename T>
using OrtHandle = std::unique_ptr<T, void (*)(T*)>;

// Immutable once made; any thread. Never destroyed before the process ends, nor is the library
// unloaded.
class OnnxRuntime {
 public:
  OnnxRuntime(const OrtApi& api, std::string version, OrtHandle<OrtEnv> env,
              OrtHandle<OrtMemoryInfo> cpu_memory)
      : api_(api),
        version_(std::move(version)),
        env_(std::move(env)),
        cpu_memory_(std::move(cpu_memory)) {}

  const OrtApi& api() const { return api_; }
  const std::string& version() const { return version_; }
  const OrtEnv* env() const { return env_.get(); }
  const OrtMemoryInfo* cpu_memory() const { return cpu_memory_.get(); }

 private:
  const OrtApi& api_;
  std::string version_;
  OrtHandle<OrtEnv> env_;
  OrtHandle<OrtMemoryInfo> cpu_memory_;
};

// Where the library is looked for when none is named: files beside the program, then names for the
// loader.
std::vector<std::filesystem::path> onnx_runtime_candidates(
    const std::filesystem::path& program_folder);

// The newest function table that both sides know. Unsupported, naming both versions, when there is
// none.
Result<const OrtApi*> negotiate_api(const OrtApiBase& base, const std::string& library);

}  // namespace neso
