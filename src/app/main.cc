// SPDX-License-Identifier: Apache-2.0
// Entry point: picks the subcommand. Called `tritonserver` (a link), neso is `neso serve`.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/command.h"
#include "app/command_line.h"
#include "app/version.h"
#include "base/contain.h"
#include "config/nearest_name.h"

namespace neso {
namespace {

int run_version(std::string_view program, CommandWords words);
int run_help(std::string_view program, CommandWords words);

constexpr Command kCommands[] = {
    {"serve", "Serve the models of a repository over HTTP and gRPC; takes tritonserver's options.",
     run_serve},
    {"embed", "Write the vectors of texts to standard output, without a server.", run_embed},
    {"doctor", "Examine a model: files, accuracy in every precision, speed, and a verdict.",
     run_doctor},
    {"bench", "Measure engines on a model, side by side in one run, or put load on a server.",
     run_bench},
    {"version", "Print the version of this program.", run_version},
    {"help", "Print the options of a command: neso help COMMAND.", run_help},
};

void print_overview(std::FILE* out) {
  fmt::print(
      out,
      "neso {}: an embedding server with Triton's interface\n\nUsage: neso COMMAND [options]\n\n",
      kVersion);
  for (const Command& command : commands())
    fmt::print(out, "  {:<8} {}\n", command.name, command.summary);
  fmt::print(out, "\nExample: neso serve --model-repository=models\n");
}

int usage_error(std::string_view name) {
  std::vector<std::string> names;
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

// For the two commands without options: nullopt when it is to run, else the exit status.
std::optional<int> without_options(std::string_view synopsis, std::string_view description,
                                   CommandWords words, size_t most) {
  const std::string_view program = synopsis.substr(0, synopsis.find(" ["));
  OptionTable table{.synopsis = std::string(synopsis), .description = std::string(description)};
  table.takes_arguments = true;
  table.reads_environment = false;
  CommandLine line = read_command_line(std::move(table), program, words);
  if (line.exit_status || line.arguments.size() <= most) return line.exit_status;
  fmt::print(stderr, "{}: Unexpected argument: {}\n", program, line.arguments[most]);
  return kExitUsage;
}

int run_version(std::string_view program, CommandWords words) {
  if (const auto done = without_options(program, "Prints the version of this program.", words, 0))
    return *done;
  fmt::print("neso {}\n", kVersion);
  return 0;
}

int run_help(std::string_view, CommandWords words) {
  if (const auto done = without_options("neso help [COMMAND]",
                                        "Prints the commands, or the options of one.", words, 1))
    return *done;
  if (words.empty()) {
    print_overview(stdout);
    return 0;
  }
  const Command* command = find_command(words.front());
  if (command == nullptr) return usage_error(words.front());
  const char* help_words[] = {"--help"};
  return command->run(fmt::format("neso {}", command->name), CommandWords(help_words));
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
  explain_termination();
  fill_standard_descriptors();
  const CommandWords words(argv + 1, argc > 0 ? static_cast<size_t>(argc - 1) : 0);
  if (argc > 0 && std::filesystem::path(argv[0]).filename() == "tritonserver")
    return run_serve(argv[0], words);
  if (words.empty()) {
    print_overview(stderr);
    return kExitUsage;
  }
  std::string_view name = words.front();
  if (name == "--help" || name == "-h") name = "help";
  if (name == "--version") name = "version";
  const Command* command = find_command(name);
  if (command == nullptr) return usage_error(name);
  return command->run(fmt::format("neso {}", name), words.subspan(1));
}

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

}  // namespace neso

int main(int argc, char** argv) {
  return neso::run(argc, argv);
}
