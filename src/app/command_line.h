// SPDX-License-Identifier: Apache-2.0
// How every command but `serve` reads its words: -m for --model, help on standard output,
// complaints on standard error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "config/option_table.h"

namespace neso {

struct CommandLine {
  std::optional<int> exit_status;      // help or a complaint was printed: nothing is left to do
  std::vector<std::string> arguments;  // words that are no options
};

// Reads the words of `program` ("neso embed") into what the table's rows are bound to.
CommandLine read_command_line(OptionTable table, std::string_view program, CommandWords words);

}  // namespace neso
