// SPDX-License-Identifier: Apache-2.0
// Finding, opening and setting up the library. See docs/adr/0004.
#include "engine/onnx/ort_runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_annotations.h"
#include "engine/onnx/onnx_engine.h"
#include "engine/onnx/ort_error.h"

namespace neso {
namespace {

constexpr const char* kSoName = "libonnxruntime.so.1";
constexpr const char* kHowToGet =
    "get it with ./dev setup, or take capi/libonnxruntime.so.* out of the PyPI wheel 'onnxruntime' "
    "and put it beside the "
    "program as libonnxruntime.so.1";

using GetApiBase = const OrtApiBase* (*)();

// What the library has to say; the six parameters are its own.
// NOLINTNEXTLINE(readability-function-size)
void log_from_library(void*, OrtLoggingLevel severity, const char*, const char*, const char* where,
                      const char* text) {
  const std::string message = clean_ort_message(text);
  if (severity >= ORT_LOGGING_LEVEL_ERROR) {
    log_error("ONNX Runtime: {} ({})", message, where);
  } else if (severity == ORT_LOGGING_LEVEL_WARNING) {
    log_warning("ONNX Runtime: {} ({})", message, where);
  } else {
    log_verbose(1, "ONNX Runtime: {} ({})", message, where);
  }
}

// "1.32.0" -> 32, which is also the number of its newest function table; 0 when it is written
// otherwise.
uint32_t minor_version(std::string_view version) {
  uint32_t minor = 0;
  if (!version.starts_with("1.")) return 0;
  std::from_chars(version.data() + 2, version.data() + version.size(), minor);
  return minor;
}

struct Library {
  std::string name;
  GetApiBase get_api_base = nullptr;
};

Result<Library> load_library(const std::filesystem::path& path) {
  // The handle is given up on purpose: threads of the library outlive every owner we could name.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return invalid_argument("{} cannot be opened as ONNX Runtime's library ({}); {}", path.string(),
                            reason != nullptr ? reason : "no reason given", kHowToGet);
  }
  auto* entry = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (entry == nullptr) {
    return invalid_argument(
        "{} is a library, but not ONNX Runtime: it has no function OrtGetApiBase; {}",
        path.string(), kHowToGet);
  }
  return Library{path.string(), entry};
}

Result<Library> find_library() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto candidates = onnx_runtime_candidates(program.parent_path());
  for (const auto& candidate : candidates) {
    const bool is_file = candidate.has_parent_path();
    if (is_file && !std::filesystem::exists(candidate, error)) continue;
    auto library = load_library(candidate);
    if (library || is_file) return library;
  }
  std::vector<std::string> names;
  for (const auto& candidate : candidates) names.push_back(candidate.string());
  return not_found(
      "ONNX models need ONNX Runtime's library, which is not on this machine (looked for {}); {}",
      fmt::join(names, ", "), kHowToGet);
}

Result<std::shared_ptr<OnnxRuntime>> set_up(const Library& library) {
  const OrtApiBase* base = library.get_api_base();
  NESO_TRY(const OrtApi* api, negotiate_api(*base, library.name));

  OrtEnv* raw_env = nullptr;
  NESO_TRY_VOID(
      ort_check(*api, api->CreateEnvWithCustomLogger(log_from_library, nullptr,
                                                     ORT_LOGGING_LEVEL_WARNING, "neso", &raw_env)));
  OrtHandle<OrtEnv> env(raw_env, api->ReleaseEnv);
  NESO_TRY_VOID(ort_check(*api, api->DisableTelemetryEvents(env.get())));

  OrtMemoryInfo* raw_memory = nullptr;
  NESO_TRY_VOID(
      ort_check(*api, api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &raw_memory)));
  OrtHandle<OrtMemoryInfo> memory(raw_memory, api->ReleaseMemoryInfo);

  log_verbose(1, "ONNX Runtime {} opened from {}", base->GetVersionString(), library.name);
  return std::make_shared<OnnxRuntime>(*api, base->GetVersionString(), std::move(env),
                                       std::move(memory));
}

// The opened libraries by the path that was asked for ("" for the search).
struct Registry {
  Mutex mutex;
  std::map<std::string, std::shared_ptr<OnnxRuntime>> runtimes GUARDED_BY(mutex);
};

Registry& registry() {
  static auto* instance = new Registry;  // never destroyed: sessions may outlive static objects
  return *instance;
}

}  // namespace

std::vector<std::filesystem::path> onnx_runtime_candidates(
    const std::filesystem::path& program_folder) {
  std::vector<std::filesystem::path> candidates;
  if (!program_folder.empty()) {
    candidates.push_back(program_folder / kSoName);
    candidates.push_back(program_folder.parent_path() / "lib" / kSoName);
  }
  candidates.emplace_back(kSoName);
  candidates.emplace_back("libonnxruntime.so");
  return candidates;
}

Result<const OrtApi*> negotiate_api(const OrtApiBase& base, const std::string& library) {
  const std::string version = base.GetVersionString();
  // A table the library does not know makes it print a line, so its version is read first.
  const uint32_t known = minor_version(version);
  const uint32_t newest = known == 0 ? ORT_API_VERSION : std::min<uint32_t>(known, ORT_API_VERSION);
  for (uint32_t wanted = newest; wanted >= kOldestApi; --wanted) {
    if (const OrtApi* api = base.GetApi(wanted)) return api;
  }
  return unsupported(
      "{} is ONNX Runtime {}, but version 1.{} or newer is needed (this program speaks the "
      "interfaces of "
      "1.{} to 1.{}); {}",
      library, version, kOldestApi, kOldestApi, ORT_API_VERSION, kHowToGet);
}

Result<std::shared_ptr<OnnxRuntime>> open_onnx_runtime(const std::filesystem::path& library) {
  std::error_code error;
  std::string key;
  if (!library.empty()) {
    const auto resolved = std::filesystem::canonical(library, error);
    if (error) {
      return not_found("ONNX Runtime's library {} cannot be read ({}); {}", library.string(),
                       error.message(), kHowToGet);
    }
    key = resolved.string();
  }
  Registry& opened = registry();
  MutexLock lock(opened.mutex);
  if (auto found = opened.runtimes.find(key); found != opened.runtimes.end()) return found->second;
  NESO_TRY(const Library loaded, key.empty() ? find_library() : load_library(key));
  NESO_TRY(auto runtime, set_up(loaded));
  opened.runtimes.emplace(key, runtime);
  return runtime;
}

std::string onnx_runtime_version(const OnnxRuntime& runtime) {
  return runtime.version();
}

}  // namespace neso
