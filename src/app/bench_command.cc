// SPDX-License-Identifier: Apache-2.0
// `neso bench`: the same workloads through every engine, interleaved in one run; with --url, load
// on a server (load_command.cc).
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "app/bench_case.h"
#include "app/bench_engines.h"
#include "app/bench_plot.h"
#include "app/bench_profile.h"
#include "app/bench_report.h"
#include "app/bench_roofs.h"
#include "app/bench_run.h"
#include "app/command.h"
#include "app/command_line.h"
#include "app/load_command.h"
#include "app/model_path.h"
#include "base/error.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "config/option_table.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

struct BenchCommand {
  std::string model = "all-minilm-l6-v2";
  EngineLists engines;
  std::string cases;
  std::string pooling;
  fs::path plot;
  bool json = false;
  BenchOptions run;
  LoadCommand load;
};

const std::string& cases_help() {
  static const std::string help = fmt::format(
      "workloads, separated by commas. lenN: {0} texts of N tokens a call; mixed: {0} texts of "
      "log-normal lengths a call; batchN: N texts of {1} tokens a call; singleN: one text of N "
      "tokens a call. Unset: {2}; with --plot: {3}",
      kBenchTextsPerCall, kBenchTokensPerText, default_bench_cases(), plotted_bench_cases());
  return help;
}

OptionTable option_table(BenchCommand& command) {
  EngineLists& engines = command.engines;
  return {
      .synopsis = "neso bench [options]",
      .description =
          "Without --url it measures engines: every combination of precision, instruction set and "
          "threads is one. All take turns in one run, so that a machine whose speed drifts treats "
          "all alike. With --url it puts load on a server, a step after another. "
          "docs/benchmarks.md tells how to read the result.",
      .sections =
          {{"",
            {{"model", text_value(command.model),
              "model folder, or the name of a model in the cache; with --url: as the "
              "server calls it"},
             {"seconds", float_value(command.run.seconds, 0.01, 3600),
              "least time per case and engine; with --url: time that each step measures"},
             {"plot", path_value(command.plot),
              "SVG file to draw: tokens per second over the N of lenN cases, milliseconds "
              "over the N of batchN cases; with --url: milliseconds and requests per "
              "second over the load"},
             {"json", flag_value(command.json), "one JSON line per case and engine, or per step"}}},
           {"Engines",
            {{"engine", text_value(engines.engines),
              "engines to compare, separated by commas: cpu (ours), onnx (ONNX Runtime); "
              "ratios are to the last. Unset: cpu, and onnx when there is a model.onnx"},
             {"precision", text_value(engines.precisions),
              "precisions of our engine to compare, separated by commas: fp32, bf16, int8"},
             {"isa", text_value(engines.isas),
              "instruction sets of our engine to compare, separated by commas: generic; "
              "avx2, avx512, avx512_vnni, avx512_bf16, avx512_amx; neon, neon_dotprod, "
              "neon_i8mm, neon_bf16. Unset: the best that this machine has"},
             {"threads", text_value(engines.threads),
              "numbers of threads of each engine to compare, separated by commas; 0: one "
              "per core"},
             {"cases", text_value(command.cases), cases_help()},
             {"pooling", text_value(command.pooling),
              "how token states become a vector: cls, max, mean, mean_sqrt_len_tokens, "
              "weightedmean, lasttoken. With cls or lasttoken our engine leaves out the "
              "other tokens' states in the last layer, which the roof counts. Unset: as "
              "the folder says"},
             {"onnx", path_value(engines.onnx_model),
              "model.onnx for the engine onnx, when the folder has none"},
             {"onnx-int8", path_value(engines.quantized_onnx_model),
              "a quantized model.onnx for the engine onnx, measured beside the other"},
             {"onnxruntime-library", path_value(engines.onnx_library), "libonnxruntime to open"},
             {"profile", flag_value(engines.profile),
              "also print the share of each operation in our engines' time"}}},
           load_section(command.load)},
      .reads_environment = false};
}

bool is_plotted(const BenchCase& workload) {
  return workload.kind == BenchKind::Length || workload.kind == BenchKind::Batch;
}

Result<std::vector<BenchCase>> make_cases(const BenchCommand& command,
                                          const Architecture& architecture) {
  std::string list = command.cases;
  if (list.empty()) list = command.plot.empty() ? default_bench_cases() : plotted_bench_cases();
  NESO_TRY(const auto names, list_words("cases", list));
  const BenchLimits limits{architecture.vocabulary, architecture.max_positions};
  std::vector<BenchCase> cases;
  for (const std::string& name : names) {
    NESO_TRY(cases.emplace_back(), make_bench_case(name, limits));
  }
  if (!command.plot.empty() && std::ranges::none_of(cases, is_plotted))
    return invalid_argument("--plot draws lenN and batchN cases, and --cases names none");
  return cases;
}

Result<PoolingSpec> choose_pooling(const std::string& name, const Checkpoint& checkpoint) {
  if (name.empty()) return checkpoint.pooling;
  const auto mode = pooling_mode_from(name);
  if (!mode) {
    return invalid_argument(
        "--pooling takes cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken, not '{}'",
        name);
  }
  return PoolingSpec{{*mode}};
}

void print_peaks(const BenchRoofs& roofs, bool json) {
  for (const auto& [kind, peak] : roofs.peaks()) {
    const auto& [isa, threads] = kind;
    fmt::print("{}", json ? json_line(isa, threads, peak) : table_line(isa, threads, peak));
  }
}

// What the picture says of all engines alike is not in their names.
BenchPlot empty_plot(std::string_view model, const std::vector<BenchEngine>& engines) {
  BenchPlot plot;
  plot.title = fmt::format("neso bench: {}", model);
  plot.subtitle = common_traits(engines);
  for (std::string& name : short_names(engines)) plot.series.push_back({std::move(name), {}, {}});
  return plot;
}

void add_points(BenchPlot& plot, const BenchCase& workload,
                const std::vector<BenchFigures>& figures) {
  const auto n = static_cast<double>(workload.n);
  for (size_t i = 0; i < figures.size(); ++i) {
    PlotSeries& series = plot.series[i];
    if (workload.kind == BenchKind::Length)
      series.tokens_per_s.push_back({n, figures[i].tokens_per_s});
    if (workload.kind == BenchKind::Batch) series.ms.push_back({n, figures[i].ms_p50});
  }
}

Result<> bench(BenchCommand command) {
  NESO_TRY(const ModelSource source, find_model(command.model, process_environment()));
  const fs::path folder = model_folder(source);
  NESO_TRY(const Checkpoint checkpoint, open_checkpoint(folder));
  const Architecture& architecture = checkpoint.architecture;
  if (!command.plot.empty()) NESO_TRY_VOID(check_file_can_be_written(command.plot));
  NESO_TRY(const auto cases, make_cases(command, architecture));
  NESO_TRY(command.run.pooling, choose_pooling(command.pooling, checkpoint));
  NESO_TRY(auto engines, open_bench_engines(command.engines, folder, checkpoint));
  BenchPlot plot = empty_plot(source.name, engines);

  NESO_TRY(BenchRoofs roofs, BenchRoofs::measure(engines, system_clock()));
  print_peaks(roofs, command.json);
  if (!command.json) fmt::print("{}", table_head());
  for (const BenchCase& workload : cases) {
    NESO_TRY(const auto cosines, agreement(workload, command.run.pooling, engines));
    std::vector<ProfileSlice> slices;
    for (const BenchEngine& entry : engines) slices.emplace_back(entry.profile.get());
    NESO_TRY(const auto figures, run_bench_case(workload, engines, command.run, system_clock()));
    NESO_TRY_VOID(roofs.measure_again(system_clock()));
    for (size_t i = 0; i < figures.size(); ++i) {
      const double share =
          roofs.share(engines[i], workload, architecture, figures[i].median_round_s);
      const BenchRow row{workload.name, &engines[i], figures[i],
                         share,         cosines[i],  slices[i].shares()};
      fmt::print("{}", command.json ? json_line(row) : table_line(row));
    }
    std::fflush(stdout);
    add_points(plot, workload, figures);
  }
  if (command.plot.empty()) return {};
  return write_file_atomically(command.plot, draw_bench_plot(plot));
}

// Options of the other kind of benchmark would be ignored.
Result<> check_kind(const BenchCommand& command) {
  if (command.load.url.empty()) {
    if (command.load == LoadCommand{}) return {};
    return invalid_argument("options of the load on a server need its --url");
  }
  const bool engines =
      command.engines != EngineLists{} || !command.cases.empty() || !command.pooling.empty();
  if (!engines) return {};
  return invalid_argument("--url measures a server: options of engines say nothing there");
}

Result<> run(const BenchCommand& command) {
  NESO_TRY_VOID(check_kind(command));
  if (command.load.url.empty()) return bench(command);
  return run_load(command.load, {command.model, command.run.seconds, command.plot, command.json});
}

}  // namespace

int run_bench(std::string_view program, CommandWords words) {
  BenchCommand command;
  const CommandLine line = read_command_line(option_table(command), program, words);
  if (line.exit_status) return *line.exit_status;
  if (auto done = run(command); !done) {
    fmt::print(stderr, "{}: {}\n", program, done.error().message);
    return kExitFailure;
  }
  return 0;
}

}  // namespace neso
