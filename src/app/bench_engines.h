// SPDX-License-Identifier: Apache-2.0
// The engines of a `neso bench` run: every combination of what its lists name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "app/bench_run.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace neso {

// More would take turns so rarely that the machine's speed drifts between them.
inline constexpr size_t kMostBenchEngines = 32;

// Lists are words between commas.
struct EngineLists {
  std::string engines;  // "cpu", "onnx"; empty: cpu, and onnx when there is a model of it
  std::string precisions = "fp32";
  std::string isas;  // empty: the best
  std::string threads = "0";
  std::filesystem::path onnx_model;            // empty: model.onnx of the folder
  std::filesystem::path quantized_onnx_model;  // one more engine of onnx; empty: none
  std::filesystem::path onnx_library;
  bool profile = false;  // measure our engines' operations
  bool operator==(const EngineLists&) const = default;
};

// The words of a list; `option` is the one that complaints name. Refuses an empty list and a word
// that occurs twice.
Result<std::vector<std::string>> list_words(std::string_view option, std::string_view list);

// In the order of lists.engines: ours by precision, instruction set and threads; those of ONNX
// Runtime by threads, onnx_model's behind the quantized. Engines that differ only in threads share
// their weights.
Result<std::vector<BenchEngine>> open_bench_engines(const EngineLists& lists,
                                                    const std::filesystem::path& folder,
                                                    const Checkpoint& checkpoint);

// "cpu bf16 avx2, 2 threads": instruction set and threads only where the engines differ in them.
std::vector<std::string> short_names(const std::vector<BenchEngine>& engines);
// What those names leave out: "avx2, 2 threads".
std::string common_traits(const std::vector<BenchEngine>& engines);

}  // namespace neso
