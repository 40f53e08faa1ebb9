// SPDX-License-Identifier: Apache-2.0
// Entry point: picks the subcommand. Called `tritonserver` (a link), neso is `neso serve`.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "app/version.h"
#include "config/nearest_name.h"

namespace neso {
namespace {

constexpr Command kCommands[] = {
    {"serve", "serve the models of a repository over HTTP (takes tritonserver's options)",
     run_serve},
    {"embed", "vectors of texts on standard output, no server", run_embed},
    {"bench", "measure engines on a model, side by side in one run", run_bench},
};

void print_overview(std::FILE* out) {
  fmt::print(
      out,
      "neso {}: an embedding server with Triton's interface\n\nusage: neso COMMAND [OPTIONS]\n\n",
      kVersion);
  for (const Command& command : commands())
    fmt::print(out, "  {:<8} {}\n", command.name, command.summary);
  fmt::print(out, "  {:<8} {}\n  {:<8} {}\n", "version", "the version of this program", "help",
             "the options of a command: neso help COMMAND");
}

int usage_error(std::string_view name) {
  std::vector<std::string> names = {"version", "help"};
  for (const Command& command : commands()) names.emplace_back(command.name);
  fmt::print(stderr, "neso: there is no command '{}'", name.substr(0, 64));
  if (const auto nearest = nearest_name(name, names))
    fmt::print(stderr, "; did you mean '{}'?", *nearest);
  fmt::print(stderr, "\n\n");
  print_overview(stderr);
  return kExitUsage;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

int help(CommandWords words) {
  if (words.empty()) {
    print_overview(stdout);
    return 0;
  }
  const Command* command = find_command(words.front());
  if (command == nullptr) return usage_error(words.front());
  const char* help_words[] = {"--help"};
  command->run(fmt::format("neso {}", command->name), CommandWords(help_words));
  return 0;
}

// A standard descriptor that the caller closed would become a socket, and messages would be written
// into it.
void fill_standard_descriptors() {
  int descriptor = 0;
  do {
    descriptor = open("/dev/null", O_RDWR);
  } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor > STDERR_FILENO) close(descriptor);
}

int run(int argc, const char* const* argv) {
  fill_standard_descriptors();
  const CommandWords words(argv + 1, argc > 0 ? static_cast<size_t>(argc - 1) : 0);
  if (argc > 0 && std::filesystem::path(argv[0]).filename() == "tritonserver")
    return run_serve(argv[0], words);
  if (words.empty()) {
    print_overview(stderr);
    return kExitUsage;
  }
  const std::string_view name = words.front();
  const CommandWords rest = words.subspan(1);
  if (name == "help" || name == "--help" || name == "-h") return help(rest);
  if (name == "version" || name == "--version") {
    fmt::print("neso {}\n", kVersion);
    return 0;
  }
  const Command* command = find_command(name);
  if (command == nullptr) return usage_error(name);
  return command->run(fmt::format("neso {}", name), rest);
}

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

}  // namespace neso

int main(int argc, char** argv) {
  return neso::run(argc, argv);
}
