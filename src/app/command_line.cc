// SPDX-License-Identifier: Apache-2.0
#include "app/command_line.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace neso {

CommandLine read_command_line(OptionTable table, std::string_view program, CommandWords words) {
  std::vector<const char*> long_words(words.begin(), words.end());
  for (const char*& word : long_words) {
    if (std::string_view(word) == "-m") word = "--model";
  }
  const std::string_view name = program.substr(program.rfind(' ') + 1);
  table.help_command = fmt::format("neso help {}", name);
  ParsedOptions parsed = parse_options(table, program, long_words, process_environment());
  if (parsed.outcome == ParsedOptions::Outcome::Run) return {{}, std::move(parsed.arguments)};
  const bool help = parsed.outcome == ParsedOptions::Outcome::Help;
  fmt::print(help ? stdout : stderr, "{}", parsed.text);
  return {help ? 0 : kExitUsage, {}};
}

}  // namespace neso
