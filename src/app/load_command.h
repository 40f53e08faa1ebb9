// SPDX-License-Identifier: Apache-2.0
// `neso bench --url`: load on a server, of this program or any other's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/option_table.h"

namespace neso {

struct LoadCommand {
  std::string url;
  std::string api = "triton";
  std::string concurrency;
  std::string rate;
  bool ramp = false;
  double p99_limit_ms = 0;
  double warmup_seconds = 0.5;
  double timeout_seconds = 10;
  size_t client_threads = 0;
  size_t connections = 1024;
  size_t batch = 1;
  bool binary = false;
  std::string texts;
  std::string text_input;
  size_t tokens = 32;
  size_t vocabulary = 30000;
  std::vector<std::string> shapes;
  uint64_t seed = 1;
  bool operator==(const LoadCommand&) const = default;
};

OptionSection load_section(LoadCommand& command);

// The options that both kinds of benchmark have.
struct LoadRun {
  std::string model;
  double seconds = 2;
  std::filesystem::path plot;
  bool json = false;
};

// Prints a line per step; an error when a step had not one good answer.
Result<> run_load(const LoadCommand& command, const LoadRun& run);

}  // namespace neso
