// SPDX-License-Identifier: Apache-2.0
#include "app/bench_engines.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/cores.h"
#include "base/error.h"
#include "config/option_value.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/onnx/onnx_engine.h"
#include "simd/cpu.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostThreads = 1024;

// An engine that is not open yet; of ONNX Runtime when it has a model.
struct EnginePlan {
  std::string precision;
  std::optional<Isa> isa;
  size_t threads = 1;
  fs::path onnx_model = {};
};

Result<std::vector<size_t>> thread_counts(const std::string& list) {
  NESO_TRY(const auto words, list_words("threads", list));
  std::vector<size_t> counts;
  for (const std::string& word : words) {
    const auto read = read_integer(word, 0, kMostThreads);
    if (!read) {
      return invalid_argument("--threads takes numbers from 0 (one per core) to {}, not '{}'",
                              kMostThreads, word);
    }
    const size_t count = *read == 0 ? usable_cores() : static_cast<size_t>(*read);
    if (std::ranges::count(counts, count) > 0) {
      return invalid_argument("--threads names {} twice: 0 is one per core, and there are {}",
                              count, usable_cores());
    }
    counts.push_back(count);
  }
  return counts;
}

Result<std::vector<Isa>> instruction_sets(const std::string& list) {
  std::vector<Isa> isas;
  if (list.empty()) {
    NESO_TRY(isas.emplace_back(), choose_isa(""));
    return isas;
  }
  NESO_TRY(const auto words, list_words("isa", list));
  for (const std::string& word : words) {
    NESO_TRY(isas.emplace_back(), choose_isa(word));
  }
  return isas;
}

Result<> plan_cpu(const EngineLists& lists, const std::vector<size_t>& threads,
                  std::vector<EnginePlan>& plans) {
  NESO_TRY(const auto precisions, list_words("precision", lists.precisions));
  NESO_TRY(const auto isas, instruction_sets(lists.isas));
  for (const std::string& precision : precisions) {
    NESO_TRY_VOID(parse_precision(precision));
    for (const Isa isa : isas) {
      for (const size_t count : threads) plans.push_back({precision, isa, count});
    }
  }
  return {};
}

void plan_onnx(const EngineLists& lists, const fs::path& folder, const std::vector<size_t>& threads,
               std::vector<EnginePlan>& plans) {
  const bool quantized = !lists.quantized_onnx_model.empty();
  for (const size_t count : threads) {
    if (quantized) plans.push_back({"int8", {}, count, lists.quantized_onnx_model});
  }
  const fs::path model = lists.onnx_model.empty() ? folder / "model.onnx" : lists.onnx_model;
  if (quantized && lists.onnx_model.empty() && !fs::exists(model)) return;
  for (const size_t count : threads) plans.push_back({"exported", {}, count, model});
}

std::string engines_at_hand(const EngineLists& lists, const fs::path& folder) {
  const bool onnx = !lists.onnx_model.empty() || !lists.quantized_onnx_model.empty() ||
                    fs::exists(folder / "model.onnx");
  if (!onnx)
    fmt::print(stderr, "no model.onnx: measuring our engine alone; name one with --onnx\n");
  return onnx ? "cpu,onnx" : "cpu";
}

Result<std::vector<EnginePlan>> plan_engines(const EngineLists& lists, const fs::path& folder) {
  NESO_TRY(const auto threads, thread_counts(lists.threads));
  NESO_TRY(
      const auto names,
      list_words("engine", lists.engines.empty() ? engines_at_hand(lists, folder) : lists.engines));
  std::vector<EnginePlan> plans;
  for (const std::string& name : names) {
    if (name == "cpu") {
      NESO_TRY_VOID(plan_cpu(lists, threads, plans));
    } else if (name == "onnx") {
      plan_onnx(lists, folder, threads, plans);
    } else {
      return invalid_argument("there is no engine '{}'; choose from cpu, onnx", name);
    }
  }
  if (plans.size() > kMostBenchEngines) {
    return invalid_argument(
        "these lists make {} engines, and one run compares {} at most; shorten --precision, --isa "
        "or --threads",
        plans.size(), kMostBenchEngines);
  }
  return plans;
}

// Packed weights by precision and instruction set: engines that differ in threads share them.
using WeightsByKind = std::map<std::pair<std::string, Isa>, std::shared_ptr<const CpuWeights>>;

Result<std::unique_ptr<Engine>> open_cpu(const EnginePlan& plan, const Checkpoint& checkpoint,
                                         WeightsByKind& opened, Profile* profile) {
  auto& weights = opened[{plan.precision, *plan.isa}];
  if (weights == nullptr) {
    NESO_TRY(const Precision precision, parse_precision(plan.precision));
    NESO_TRY(weights, load_cpu_weights(checkpoint, precision, *plan.isa));
  }
  return make_cpu_engine(weights, {.threads = plan.threads, .profile = profile});
}

Result<std::unique_ptr<Engine>> open_onnx(const EnginePlan& plan, const Checkpoint& checkpoint,
                                          const fs::path& library) {
  NESO_TRY(auto runtime, open_onnx_runtime(library));
  OnnxOptions options;
  options.intra_op_threads = static_cast<int>(plan.threads);
  options.pad_token_id = checkpoint.pad_token_id;
  return open_onnx_engine(std::move(runtime), plan.onnx_model, options);
}

std::set<Isa> isas_of(const std::vector<BenchEngine>& engines) {
  std::set<Isa> isas;
  for (const BenchEngine& entry : engines) {
    if (entry.isa) isas.insert(*entry.isa);
  }
  return isas;
}

std::set<size_t> threads_of(const std::vector<BenchEngine>& engines) {
  std::set<size_t> threads;
  for (const BenchEngine& entry : engines) threads.insert(entry.threads);
  return threads;
}

std::string threads_text(size_t threads) {
  return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
}

}  // namespace

Result<std::vector<std::string>> list_words(std::string_view option, std::string_view list) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    std::string word(list.substr(begin, end - begin));
    if (std::ranges::count(words, word) > 0)
      return invalid_argument("--{} names '{}' twice", option, word);
    if (!word.empty()) words.push_back(std::move(word));
    begin = end + 1;
  }
  if (words.empty()) return invalid_argument("--{} names nothing", option);
  return words;
}

Result<std::vector<BenchEngine>> open_bench_engines(const EngineLists& lists,
                                                    const fs::path& folder,
                                                    const Checkpoint& checkpoint) {
  NESO_TRY(const auto plans, plan_engines(lists, folder));
  std::vector<BenchEngine> engines;
  WeightsByKind weights;
  for (const EnginePlan& plan : plans) {
    const bool ours = plan.onnx_model.empty();
    BenchEngine entry{ours ? "cpu" : "onnx", plan.precision, plan.isa, plan.threads};
    if (ours && lists.profile) entry.profile = std::make_unique<Profile>(system_clock());
    NESO_TRY(entry.engine, ours ? open_cpu(plan, checkpoint, weights, entry.profile.get())
                                : open_onnx(plan, checkpoint, lists.onnx_library));
    engines.push_back(std::move(entry));
  }
  return engines;
}

std::vector<std::string> short_names(const std::vector<BenchEngine>& engines) {
  const bool isas = isas_of(engines).size() > 1;
  const bool threads = threads_of(engines).size() > 1;
  std::vector<std::string> names;
  for (const BenchEngine& entry : engines) {
    std::string& name = names.emplace_back(entry.label + " " + entry.precision);
    if (isas && entry.isa) name += fmt::format(" {}", to_string(*entry.isa));
    if (threads) name += ", " + threads_text(entry.threads);
  }
  return names;
}

std::string common_traits(const std::vector<BenchEngine>& engines) {
  std::vector<std::string> traits;
  if (const auto isas = isas_of(engines); isas.size() == 1)
    traits.emplace_back(to_string(*isas.begin()));
  if (const auto threads = threads_of(engines); threads.size() == 1)
    traits.push_back(threads_text(*threads.begin()));
  return fmt::format("{}", fmt::join(traits, ", "));
}

}  // namespace neso
