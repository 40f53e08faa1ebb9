// SPDX-License-Identifier: Apache-2.0
// `neso bench`: the same workloads through every engine, interleaved in one run.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "app/bench_case.h"
#include "app/bench_run.h"
#include "app/command.h"
#include "app/model_path.h"
#include "app/version.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "checkpoint/checkpoint.h"
#include "config/option_table.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/onnx/onnx_engine.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

struct BenchCommand {
  std::string model = "all-minilm-l6-v2";
  std::string engines;
  std::string precision = "fp32";
  std::string cases = fmt::format("{}", fmt::join(bench_case_names(), ","));
  fs::path onnx_model;
  fs::path onnx_library;
  size_t threads = 0;
  bool json = false;
  BenchOptions run;
};

OptionTable option_table(BenchCommand& command) {
  return {
      .synopsis = "neso bench [options]",
      .sections = {{"",
                    {{"model", text_value(command.model),
                      "model folder, or the name of a model in the cache"},
                     {"engine", text_value(command.engines),
                      "engines to compare, separated by commas: cpu (ours), onnx (ONNX Runtime); "
                      "ratios are to the last. Unset: cpu, and onnx when there is a model.onnx"},
                     {"precision", text_value(command.precision),
                      "precisions of our engine to compare, separated by commas: fp32, bf16, int8"},
                     {"cases", text_value(command.cases),
                      "workloads, separated by commas: texts of N tokens (lenN), log-normal "
                      "lengths (mixed), one "
                      "short text at a time (single8)"},
                     {"onnx", path_value(command.onnx_model),
                      "model.onnx for the engine onnx, when the folder has none"},
                     {"onnxruntime-library", path_value(command.onnx_library),
                      "libonnxruntime to open"},
                     {"threads", integer_value(command.threads, 0, 1024),
                      "threads of each engine; 0: one per core"},
                     {"seconds", float_value(command.run.seconds, 0.01, 3600),
                      "least time per case and engine"},
                     {"json", flag_value(command.json), "one JSON line per case and engine"}}}},
      .reads_environment = false};
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  size_t begin = 0;
  while (begin <= list.size()) {
    const size_t end = std::min(list.find(',', begin), list.size());
    if (end > begin) words.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

Result<BenchEngine> open_cpu(const BenchCommand& command, const Checkpoint& checkpoint,
                             const std::string& precision_name) {
  NESO_TRY(const Precision precision, parse_precision(precision_name));
  NESO_TRY(auto weights, load_cpu_weights(checkpoint, precision));
  NESO_TRY(auto engine, make_cpu_engine(std::move(weights), {.threads = command.threads}));
  return BenchEngine{"cpu", precision_name, std::move(engine)};
}

Result<BenchEngine> open_onnx(const BenchCommand& command, const fs::path& folder,
                              const Checkpoint& checkpoint) {
  const fs::path model = command.onnx_model.empty() ? folder / "model.onnx" : command.onnx_model;
  NESO_TRY(auto runtime, open_onnx_runtime(command.onnx_library));
  OnnxOptions options;
  options.intra_op_threads = static_cast<int>(command.threads);
  options.pad_token_id = checkpoint.pad_token_id;
  NESO_TRY(auto engine, open_onnx_engine(std::move(runtime), model, options));
  return BenchEngine{"onnx", "as exported", std::move(engine)};
}

Result<std::vector<BenchEngine>> open_engines(const BenchCommand& command, const fs::path& folder,
                                              const Checkpoint& checkpoint) {
  std::string names = command.engines;
  if (names.empty()) {
    const bool has_onnx = !command.onnx_model.empty() || fs::exists(folder / "model.onnx");
    names = has_onnx ? "cpu,onnx" : "cpu";
    if (!has_onnx)
      fmt::print(stderr, "no model.onnx: measuring our engine alone; name one with --onnx\n");
  }
  std::vector<BenchEngine> engines;
  for (const std::string& name : split(names)) {
    if (name == "cpu") {
      for (const std::string& precision : split(command.precision)) {
        NESO_TRY(engines.emplace_back(), open_cpu(command, checkpoint, precision));
      }
    } else if (name == "onnx") {
      NESO_TRY(engines.emplace_back(), open_onnx(command, folder, checkpoint));
    } else {
      return invalid_argument("there is no engine '{}'; choose from cpu, onnx", name);
    }
  }
  if (engines.empty()) return invalid_argument("--engine names no engine; choose from cpu, onnx");
  return engines;
}

void print_figures(const BenchCommand& command, const std::string& case_name,
                   const BenchFigures& figures, double cosine) {
  if (!command.json) {
    fmt::print("{:<8} {:<6} {:<11} {:>12.0f} {:>12.1f} {:>10.3f} {:>10.3f} {:>8.2f} {:>10.7f}\n",
               case_name, figures.engine, figures.precision, figures.tokens_per_s,
               figures.texts_per_s, figures.ms_p50, figures.ms_p99, figures.ratio, cosine);
    return;
  }
  JsonWriter writer;
  writer.begin_object();
  writer.key("case").string(case_name);
  writer.key("engine").string(figures.engine);
  writer.key("precision").string(figures.precision);
  writer.key("tokens_per_s").number(figures.tokens_per_s);
  writer.key("texts_per_s").number(figures.texts_per_s);
  writer.key("ms_p50").number(figures.ms_p50);
  writer.key("ms_p99").number(figures.ms_p99);
  writer.key("ratio").number(figures.ratio);
  writer.key("rounds").unsigned_integer(figures.rounds);
  writer.key("min_cosine").number(cosine);
  writer.key("neso").string(kVersion);
  writer.end_object();
  fmt::print("{}\n", writer.text());
}

Result<> bench(const BenchCommand& command) {
  NESO_TRY(const ModelSource source, find_model(command.model, process_environment()));
  const fs::path folder = model_folder(source);
  NESO_TRY(const Checkpoint checkpoint, open_checkpoint(folder));
  NESO_TRY(std::vector<BenchEngine> engines, open_engines(command, folder, checkpoint));
  const BenchLimits limits{checkpoint.architecture.vocabulary,
                           checkpoint.architecture.max_positions};
  if (!command.json) {
    fmt::print("{:<8} {:<6} {:<11} {:>12} {:>12} {:>10} {:>10} {:>8} {:>10}\n", "case", "engine",
               "precision", "tokens/s", "texts/s", "ms p50", "ms p99", "ratio", "min cosine");
  }
  for (const std::string& name : split(command.cases)) {
    NESO_TRY(const BenchCase workload, make_bench_case(name, limits));
    NESO_TRY(const double cosine, agreement(workload, engines));
    NESO_TRY(const auto figures, run_bench_case(workload, engines, command.run, system_clock()));
    for (const BenchFigures& row : figures) print_figures(command, name, row, cosine);
    std::fflush(stdout);
  }
  return {};
}

}  // namespace

int run_bench(std::string_view program, CommandWords words) {
  BenchCommand command;
  const ParsedOptions parsed =
      parse_options(option_table(command), program, words, process_environment());
  if (parsed.outcome != ParsedOptions::Outcome::Run) {
    const bool help = parsed.outcome == ParsedOptions::Outcome::Help;
    fmt::print(help ? stdout : stderr, "{}", parsed.text);
    return help ? 0 : kExitUsage;
  }
  if (auto done = bench(command); !done) {
    fmt::print(stderr, "{}: {}\n", program, done.error().message);
    return kExitFailure;
  }
  return 0;
}

}  // namespace neso
