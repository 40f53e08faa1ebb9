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
#include "app/command_line.h"
#include "app/model_path.h"
#include "app/version.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "checkpoint/checkpoint.h"
#include "config/option_table.h"
#include "engine/cpu/cores.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/machine_peak.h"
#include "engine/onnx/onnx_engine.h"
#include "simd/cpu.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

struct BenchCommand {
  std::string model = "all-minilm-l6-v2";
  std::string engines;
  std::string precision = "fp32";
  std::string cases = fmt::format("{}", fmt::join(bench_case_names(), ","));
  fs::path onnx_model;
  std::string quantized_onnx_model;
  fs::path onnx_library;
  std::string isa;
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
                      "workloads, separated by commas: batches of texts of N tokens (lenN), of "
                      "log-normal lengths (mixed), texts of N tokens one at a time (singleN)"},
                     {"onnx", path_value(command.onnx_model),
                      "model.onnx for the engine onnx, when the folder has none"},
                     {"onnx-int8", text_value(command.quantized_onnx_model),
                      "a quantized model.onnx, compared as one more engine"},
                     {"isa", text_value(command.isa),
                      "instruction set of our engine: generic; avx2, avx512, avx512_vnni, "
                      "avx512_bf16; neon, neon_dotprod, neon_i8mm, neon_bf16. Unset: the best that "
                      "this machine has"},
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
  NESO_TRY(const Isa isa, choose_isa(command.isa));
  NESO_TRY(const Precision precision, parse_precision(precision_name));
  NESO_TRY(auto weights, load_cpu_weights(checkpoint, precision, isa));
  NESO_TRY(auto engine, make_cpu_engine(std::move(weights), {.threads = command.threads}));
  return BenchEngine{"cpu", precision_name, std::move(engine)};
}

Result<BenchEngine> open_onnx(const BenchCommand& command, const fs::path& model,
                              const Checkpoint& checkpoint, const std::string& precision) {
  NESO_TRY(auto runtime, open_onnx_runtime(command.onnx_library));
  OnnxOptions options;
  options.intra_op_threads = static_cast<int>(command.threads);
  options.pad_token_id = checkpoint.pad_token_id;
  NESO_TRY(auto engine, open_onnx_engine(std::move(runtime), model, options));
  return BenchEngine{"onnx", precision, std::move(engine)};
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
      const fs::path model =
          command.onnx_model.empty() ? folder / "model.onnx" : command.onnx_model;
      NESO_TRY(engines.emplace_back(), open_onnx(command, model, checkpoint, "exported"));
    } else {
      return invalid_argument("there is no engine '{}'; choose from cpu, onnx", name);
    }
  }
  if (!command.quantized_onnx_model.empty()) {
    NESO_TRY(engines.emplace_back(),
             open_onnx(command, command.quantized_onnx_model, checkpoint, "int8"));
  }
  if (engines.empty()) return invalid_argument("--engine names no engine; choose from cpu, onnx");
  return engines;
}

struct Row {
  std::string case_name;
  BenchFigures figures;
  double roof_share = 0;  // of what this machine's multipliers could do; 0: not our engine
  double cosine = 0;
};

void print_head() {
  fmt::print("{:<9} {:<5} {:<9} {:>10} {:>9} {:>9} {:>9} {:>6} {:>7} {:>10}\n", "case", "engine",
             "precision", "tokens/s", "texts/s", "ms p50", "ms p99", "ratio", "of roof",
             "min cosine");
}

void print_row(const Row& row) {
  const BenchFigures& figures = row.figures;
  fmt::print("{:<9} {:<5} {:<9} {:>10.0f} {:>9.1f} {:>9.3f} {:>9.3f} {:>6.2f} {:>7} {:>10.7f}\n",
             row.case_name, figures.engine, figures.precision, figures.tokens_per_s,
             figures.texts_per_s, figures.ms_p50, figures.ms_p99, figures.ratio,
             row.roof_share > 0 ? fmt::format("{:.0f} %", row.roof_share * 100) : "", row.cosine);
}

void print_json(const Row& row) {
  const BenchFigures& figures = row.figures;
  JsonWriter writer;
  writer.begin_object();
  writer.key("case").string(row.case_name);
  writer.key("engine").string(figures.engine);
  writer.key("precision").string(figures.precision);
  writer.key("tokens_per_s").number(figures.tokens_per_s);
  writer.key("texts_per_s").number(figures.texts_per_s);
  writer.key("ms_p50").number(figures.ms_p50);
  writer.key("ms_p99").number(figures.ms_p99);
  writer.key("ratio").number(figures.ratio);
  if (row.roof_share > 0) writer.key("roof_share").number(row.roof_share);
  writer.key("rounds").unsigned_integer(figures.rounds);
  writer.key("min_cosine").number(row.cosine);
  writer.key("neso").string(kVersion);
  writer.end_object();
  fmt::print("{}\n", writer.text());
}

void print_peak(const BenchCommand& command, Isa isa, size_t threads, const MachinePeak& peak) {
  if (!command.json) {
    fmt::print(
        "peak of {} threads, {}: fp32 {:.0f} GFLOP/s, bf16 {:.0f} GFLOP/s, int8 {:.0f} "
        "GOP/s, memory {:.1f} GB/s\n",
        threads, to_string(isa), peak.fp32_flops * 1e-9, peak.bf16_flops * 1e-9,
        peak.int8_ops * 1e-9, peak.read_bytes * 1e-9);
    return;
  }
  JsonWriter writer;
  writer.begin_object();
  writer.key("case").string("peak");
  writer.key("threads").unsigned_integer(threads);
  writer.key("isa").string(to_string(isa));
  writer.key("fp32_gflops").number(peak.fp32_flops * 1e-9);
  writer.key("bf16_gflops").number(peak.bf16_flops * 1e-9);
  writer.key("int8_gops").number(peak.int8_ops * 1e-9);
  writer.key("read_gb_per_s").number(peak.read_bytes * 1e-9);
  writer.end_object();
  fmt::print("{}\n", writer.text());
}

// The time of one round at the machine's peak.
double roof_seconds(const BenchCase& workload, const MachinePeak& peak,
                    const Architecture& architecture, Precision precision) {
  double seconds = 0;
  for (const TokenBatch& batch : workload.batches) {
    for (size_t i = 0; i < batch.size(); ++i)
      seconds += roof_seconds(peak, architecture, precision, batch.length(i));
  }
  return seconds;
}

Result<> bench(const BenchCommand& command) {
  NESO_TRY(const ModelSource source, find_model(command.model, process_environment()));
  const fs::path folder = model_folder(source);
  NESO_TRY(const Checkpoint checkpoint, open_checkpoint(folder));
  NESO_TRY(std::vector<BenchEngine> engines, open_engines(command, folder, checkpoint));
  NESO_TRY(const Isa isa, choose_isa(command.isa));
  const size_t threads = command.threads == 0 ? usable_cores() : command.threads;
  const Architecture& architecture = checkpoint.architecture;
  const BenchLimits limits{architecture.vocabulary, architecture.max_positions};
  NESO_TRY(MachinePeak peak, measure_peak(isa, threads, system_clock()));
  print_peak(command, isa, threads, peak);
  if (!command.json) print_head();
  for (const std::string& name : split(command.cases)) {
    NESO_TRY(const BenchCase workload, make_bench_case(name, limits));
    NESO_TRY(const double cosine, agreement(workload, engines));
    NESO_TRY(const auto figures, run_bench_case(workload, engines, command.run, system_clock()));
    // Shared machines change their speed: the higher peak of before and after is the roof.
    NESO_TRY(const MachinePeak after, measure_peak(isa, threads, system_clock()));
    peak = higher(peak, after);
    for (size_t i = 0; i < figures.size(); ++i) {
      Row row{name, figures[i], 0, cosine};
      if (figures[i].engine == "cpu") {
        row.roof_share =
            roof_seconds(workload, peak, architecture, engines[i].engine->info().precision) /
            figures[i].median_round_s;
      }
      command.json ? print_json(row) : print_row(row);
    }
    std::fflush(stdout);
    peak = after;
  }
  return {};
}

}  // namespace

int run_bench(std::string_view program, CommandWords words) {
  BenchCommand command;
  const CommandLine line = read_command_line(option_table(command), program, words);
  if (line.exit_status) return *line.exit_status;
  if (auto done = bench(command); !done) {
    fmt::print(stderr, "{}: {}\n", program, done.error().message);
    return kExitFailure;
  }
  return 0;
}

}  // namespace neso
