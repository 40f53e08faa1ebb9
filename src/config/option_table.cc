// SPDX-License-Identifier: Apache-2.0
#include "config/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "config/nearest_name.h"

namespace neso {
namespace {

using Outcome = ParsedOptions::Outcome;

class Parser {
 public:
  Parser(const OptionTable& table, std::string_view program, const Environment& environment)
      : table_(table), program_(program), environment_(environment) {
    for (const OptionSection& section : table.sections) {
      for (const Option& option : section.options) options_.push_back(&option);
    }
    options_.push_back(&help_);
  }

  ParsedOptions parse(std::span<const char* const> words) {
    words_ = words;
    while (next_ < words_.size() && result_.outcome == Outcome::Run) read_word(words_[next_++]);
    if (result_.outcome != Outcome::Run) return std::move(result_);
    if (!table_.takes_arguments && !result_.arguments.empty()) {
      return usage_error(table_, program_, "Unexpected argument: " + result_.arguments.front());
    }
    if (table_.reads_environment) read_environment();
    return std::move(result_);
  }

 private:
  void read_word(std::string_view word) {
    if (options_ended_ || word == "-" || !word.starts_with('-')) {
      result_.arguments.emplace_back(word);
    } else if (word == "--") {
      options_ended_ = true;
    } else if (word.starts_with("--")) {
      read_option(word.substr(2));
    } else {
      complain(fmt::format("invalid option -- '{}'", word.substr(1, 1)),
               unknown_option(word, word.substr(1, word.find('=') - 1)));
    }
  }

  // `text` is "name" or "name=value".
  void read_option(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const Option* option = find(name, text);
    if (option == nullptr) return;  // find has complained

    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = text.substr(equals + 1);
    const bool is_flag = option->value.placeholder.empty();
    if (is_flag && value) {
      const auto reason = fmt::format("option '--{}' doesn't allow an argument", option->name);
      return complain(reason, reason);
    }
    if (option == &help_) {
      result_.outcome = Outcome::Help;
      result_.text = help_text(table_);
      return;
    }
    if (is_flag) {
      value = "true";
    } else if (!value) {
      if (next_ == words_.size()) {
        const auto reason = fmt::format("option '--{}' requires an argument", option->name);
        return complain(reason, reason);
      }
      value = words_[next_++];
    }
    given_.insert(option->alias_of.empty() ? option->name : option->alias_of);
    set(*option, *value, fmt::format("--{}", option->name));
  }

  // The exact name, or else the only one that starts so. `text` is what getopt quotes.
  const Option* find(std::string_view name, std::string_view text) {
    std::vector<const Option*> matches;
    for (const Option* option : options_) {
      if (option->name == name) return option;
      if (option->name.starts_with(name)) matches.push_back(option);
    }
    if (matches.size() == 1) return matches.front();
    if (matches.empty()) {
      complain(fmt::format("unrecognized option '--{}'", text),
               unknown_option(fmt::format("--{}", name), name));
      return nullptr;
    }
    std::string reason = fmt::format("option '--{}' is ambiguous; possibilities:", text);
    for (const Option* option : matches) reason += fmt::format(" '--{}'", option->name);
    complain(reason, reason);
    return nullptr;
  }

  void read_environment() {
    for (const Option* option : options_) {
      if (option == &help_ || !option->alias_of.empty() || given_.contains(option->name)) continue;
      const std::string variable = environment_name(option->name);
      const auto value = environment_(variable);
      // Compose files and unit files pass on variables that nobody has filled in.
      if (!value || value->empty()) continue;
      set(*option, *value, variable);
      if (result_.outcome != Outcome::Run) return;
    }
  }

  void set(const Option& option, std::string_view value, std::string_view source) {
    if (const auto stored = option.value.set(value); !stored) {
      result_ = usage_error(table_, program_,
                            fmt::format("Bad option: \"{}\".\n{}", source, stored.error().message));
      return;
    }
    if (!option.no_effect.empty() && !is_moot(option, value)) {
      result_.notes.push_back(fmt::format("{} has no effect: {}", source, option.no_effect));
    }
  }

  static bool is_moot(const Option& option, std::string_view value) {
    if (option.moot.empty()) return false;
    if (value == option.moot) return true;
    const auto asked = read_bool(value);
    const auto moot = read_bool(option.moot);
    return asked && moot && *asked == *moot;
  }

  std::string unknown_option(std::string_view written, std::string_view name) const {
    std::vector<std::string> names;
    for (const Option* option : options_) names.emplace_back(option->name);
    if (const auto near = nearest_name(name, names)) {
      return fmt::format("Unknown option {}: did you mean --{}?", written, *near);
    }
    if (!table_.help_command.empty()) return fmt::format("Unknown option {}.", written);
    return fmt::format("Unknown option {}: the options are listed above.", written);
  }

  // getopt's line goes before the usage, where scripts look for it; the reason stands last, where
  // people look.
  void complain(std::string_view line, std::string_view reason) {
    result_ = usage_error(table_, program_, reason);
    if (table_.help_command.empty())
      result_.text.insert(0, fmt::format("{}: {}\n", program_, line));
  }

  const OptionTable& table_;
  std::string_view program_;
  const Environment& environment_;
  const Option help_{.name = "help", .value = {}, .help = ""};
  std::vector<const Option*> options_;
  std::set<std::string_view> given_;
  std::span<const char* const> words_;
  size_t next_ = 0;
  bool options_ended_ = false;
  ParsedOptions result_;
};

}  // namespace

ParsedOptions parse_options(const OptionTable& table, std::string_view program,
                            std::span<const char* const> words, const Environment& environment) {
  return Parser(table, program, environment).parse(words);
}

ParsedOptions usage_error(const OptionTable& table, std::string_view program,
                          std::string_view reason) {
  ParsedOptions error{.outcome = Outcome::UsageError};
  if (table.help_command.empty()) {
    error.text = fmt::format("{}\n{}\n", help_text(table), reason);
    return error;
  }
  constexpr std::string_view kError = "Error: ";  // which some of Triton's sentences start with
  if (reason.starts_with(kError)) reason.remove_prefix(kError.size());
  std::string sentence(reason);
  std::replace(sentence.begin(), sentence.end(), '\n', ' ');
  error.text =
      fmt::format("{}: {}\nSee '{}' for the options.\n", program, sentence, table.help_command);
  return error;
}

}  // namespace neso
