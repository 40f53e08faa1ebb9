// SPDX-License-Identifier: Apache-2.0
// `neso doctor`: is this model folder in order, and what does it give on this machine?
#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "app/command.h"
#include "app/command_line.h"
#include "app/doctor_exam.h"
#include "app/doctor_report.h"
#include "app/model_path.h"
#include "base/log.h"
#include "config/option_table.h"
#include "simd/cpu.h"

namespace neso {
namespace {

struct DoctorCommand {
  ExamOptions exam;
  bool json = false;
};

OptionTable option_table(DoctorCommand& command) {
  return {
      .synopsis = "neso doctor [options] MODEL",
      .description =
          "Examines a model: a folder, or the name of a model in the cache. It is loaded as "
          "the server would load it, in fp32, bf16 and int8, tried with 64 texts of code and "
          "prose and with the folder's reference_vectors.json, and timed. Prints its files, "
          "architecture, pooling and limits, then a row for each precision: cosines to fp32, "
          "how many of ten nearest neighbours stay, the least cosine to a reference vector, "
          "speed, memory, and the share of this machine's peak. The last line is the verdict.\n"
          "Exit status: 0 when all is well, 1 when something is wrong, 2 when the command "
          "line is wrong.",
      .sections = {{"",
                    {{"json", flag_value(command.json), "Print one JSON object."},
                     {"isa", text_value(command.exam.engine.isa),
                      "Instruction set of our engine: generic; avx2, avx512, avx512_vnni, "
                      "avx512_bf16, avx512_amx; neon, neon_dotprod, neon_i8mm, neon_bf16. "
                      "Unset: the best that this machine has."},
                     {"seconds", float_value(command.exam.seconds, 0.01, 3600),
                      "Least time of measuring, for each precision and length of text."},
                     {"onnxruntime-library", path_value(command.exam.engine.onnx_runtime_library),
                      "ONNX Runtime's shared library, libonnxruntime.so.1; searched for when "
                      "not given."}}}},
      .takes_arguments = true,
      .reads_environment = false};
}

Result<DoctorReport> doctor(const DoctorCommand& command, const std::string& model) {
  LogSettings quiet;
  quiet.info = false;
  quiet.warning = false;  // those of the folder are in the report
  NESO_TRY_VOID(set_log_settings(quiet));
  NESO_TRY(const ModelSource source, find_model(model, process_environment()));
  return examine(source, command.exam);
}

int usage_error(std::string_view program, std::string_view reason) {
  fmt::print(stderr, "{}: {}\nSee 'neso help doctor' for the options.\n", program, reason);
  return kExitUsage;
}

}  // namespace

int run_doctor(std::string_view program, CommandWords words) {
  DoctorCommand command;
  const CommandLine line = read_command_line(option_table(command), program, words);
  if (line.exit_status) return *line.exit_status;
  if (line.arguments.size() != 1) {
    return usage_error(program, line.arguments.empty() ? "which model? Give its folder or its name"
                                                       : "one model at a time");
  }
  if (const auto isa = choose_isa(command.exam.engine.isa); !isa) {
    return usage_error(program, isa.error().message);
  }
  const auto report = doctor(command, line.arguments.front());
  if (!report) {
    fmt::print(stderr, "{}: {}\n", program, report.error().message);
    return kExitFailure;
  }
  fmt::print("{}", command.json ? report_json(*report) + "\n" : report_text(*report));
  return report->well() ? 0 : kExitFailure;
}

}  // namespace neso
