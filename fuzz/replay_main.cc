// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target once over every file of the folders given, without a fuzzer: what was found
// once stays found.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kMaxInputBytes = size_t{16} << 20U;

// The number of inputs that were run.
neso::Result<size_t> replay(const std::filesystem::path& folder) {
  NESO_TRY(const std::vector<neso::FolderEntry> entries, neso::list_folder(folder));
  size_t inputs = 0;
  for (const neso::FolderEntry& entry : entries) {
    if (entry.is_folder) continue;
    NESO_TRY(const std::string input, neso::read_file(folder / entry.name, kMaxInputBytes));
    std::printf("%s\n", (folder / entry.name).c_str());
    std::fflush(stdout);  // a crash then shows which input it was
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
    ++inputs;
  }
  return inputs;
}

}  // namespace

int main(int argc, char** argv) {
  size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    const neso::Result<size_t> run = replay(argv[i]);
    if (!run) {
      std::fprintf(stderr, "%s\n", run.error().message.c_str());
      return 1;
    }
    inputs += *run;
  }
  std::printf("%zu inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
