// SPDX-License-Identifier: Apache-2.0
// Command-line options as data. A row is a name, a value, a sentence of help and what happens with
// it; parsing, environment variables, --help and docs/options.md all come from the rows, so that
// they cannot disagree. Rows are bound to the struct that they fill; every subcommand declares its
// own table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/environment.h"
#include "config/option_value.h"

namespace neso {

struct Option {
  std::string_view name;  // without the dashes
  OptionValue value;
  std::string_view help;
  // Why giving it changes nothing, as a clause ("GPUs are left to ONNX Runtime"); empty: the option
  // is honoured.
  std::string_view no_effect = {};
  // With no_effect: the value that asks for what happens anyway, so that nobody need be told
  // ("false").
  std::string_view moot = {};
  // The option that this one is another spelling of; it has no environment variable of its own.
  std::string_view alias_of = {};
};

struct OptionSection {
  std::string_view title;  // empty: printed first, without a heading
  std::vector<Option> options;
};

struct OptionTable {
  std::string synopsis;          // "neso serve [options]"
  std::string description = {};  // paragraphs for the help, between line breaks
  std::vector<OptionSection> sections;
  // "neso help serve": complaints are short and end with it. Empty: they come with the whole usage,
  // as Triton's do.
  std::string help_command = {};
  bool takes_arguments = false;  // words that are no options; refused otherwise
  bool reads_environment = true;
};

struct ParsedOptions {
  enum class Outcome { Run, Help, UsageError };
  Outcome outcome = Outcome::Run;
  // Help, or the complaint: with the usage and the reason last, or short, see help_command. Ready
  // to be printed on standard error as it is.
  std::string text = {};
  std::vector<std::string> arguments = {};  // words that are no options, in order
  std::vector<std::string> notes = {};      // one sentence per given option that has no effect
};

// Reads `words` (argv without the program's name) as getopt_long does: --name value, --name=value,
// unambiguous prefixes of a name, "--" ends the options, the last of several values counts unless
// the option is repeatable. Options that are not given are looked up as NESO_NAME in the
// environment, and keep their default otherwise. `program` is the word that getopt's complaints
// start with. `--help` is understood by every table.
ParsedOptions parse_options(const OptionTable& table, std::string_view program,
                            std::span<const char* const> words, const Environment& environment);

// The complaint of parse_options for a reason that only shows after parsing, e.g. two options that
// clash.
ParsedOptions usage_error(const OptionTable& table, std::string_view program,
                          std::string_view reason);

std::string help_text(const OptionTable& table);
// The table as Markdown: option, default, environment variable, what it does.
std::string options_markdown(const OptionTable& table);

// "http-port" -> "NESO_HTTP_PORT".
inline constexpr std::string_view kVariablePrefix = "NESO_";
std::string environment_name(std::string_view option);

}  // namespace neso
