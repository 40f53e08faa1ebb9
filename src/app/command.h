// SPDX-License-Identifier: Apache-2.0
// The subcommands of `neso`, one file each. They only wire folders together.
#pragma once

#include <span>
#include <string_view>

namespace neso {

// `program` is how the command was called ("neso embed"), `words` the arguments behind it. Returns
// the exit status.
using CommandWords = std::span<const char* const>;

int run_serve(std::string_view program, CommandWords words);
int run_embed(std::string_view program, CommandWords words);
int run_doctor(std::string_view program, CommandWords words);
int run_bench(std::string_view program, CommandWords words);

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(std::string_view program, CommandWords words);
};

// In the order of the help.
std::span<const Command> commands();

// Exit statuses of every command but `serve`, which follows Triton (1 for usage errors too).
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

}  // namespace neso
