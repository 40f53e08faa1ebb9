// SPDX-License-Identifier: Apache-2.0
// The two printed forms of an option table.
#include <fmt/format.h>

#include <algorithm>

#include "config/option_table.h"

namespace neso {
namespace {

// The help sentence with what the row itself tells: default and effect.
std::string full_help(const Option& option) {
  std::string text(option.help);
  if (!text.ends_with('.')) text += '.';
  if (!option.value.default_text.empty())
    text += fmt::format(" Default is {}.", option.value.default_text);
  if (!option.no_effect.empty())
    text += fmt::format(" Accepted without effect: {}.", option.no_effect);
  return text;
}

// Words on lines of at most `width` characters after an indent, longer words on their own.
std::string wrapped(std::string_view text, std::string_view indent = "\t", size_t width = 70) {
  std::string out(indent);
  size_t column = 0;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    if (column > 0 && column + 1 + space > width) {
      out += '\n';
      out += indent;
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += text.substr(0, space);
    column += space;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return out + '\n';
}

std::string paragraphs(std::string_view text) {
  constexpr size_t kWidth = 78;
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out += wrapped(text.substr(0, end), "", kWidth);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string signature(const Option& option) {
  if (option.value.placeholder.empty()) return fmt::format("--{}", option.name);
  return fmt::format("--{} <{}>", option.name, option.value.placeholder);
}

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<') out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_code(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("`{}`", text);
}

}  // namespace

std::string environment_name(std::string_view option) {
  std::string name(kVariablePrefix);
  for (const char c : option)
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string help_text(const OptionTable& table) {
  std::string text = fmt::format("Usage: {}\n", table.synopsis);
  if (!table.description.empty()) text += '\n' + paragraphs(table.description) + '\n';
  text += "  --help\n\tPrint usage.\n";
  for (const OptionSection& section : table.sections) {
    if (!section.title.empty()) text += fmt::format("\n{}:\n", section.title);
    for (const Option& option : section.options) {
      text += fmt::format("  {}\n{}", signature(option), wrapped(full_help(option)));
    }
  }
  if (table.reads_environment) {
    text +=
        "\nEvery option can be given as an environment variable, too: NESO_HTTP_PORT is "
        "--http-port.\n";
  }
  return text;
}

std::string options_markdown(const OptionTable& table) {
  std::string text;
  for (const OptionSection& section : table.sections) {
    if (!section.title.empty()) text += fmt::format("## {}\n\n", section.title);
    text += "| Option | Default | Environment | Meaning |\n|---|---|---|---|\n";
    for (const Option& option : section.options) {
      std::string meaning = markdown_cell(option.help);
      if (!option.no_effect.empty()) {
        meaning += fmt::format(" *Accepted without effect: {}.*", markdown_cell(option.no_effect));
      }
      const bool has_variable = table.reads_environment && option.alias_of.empty();
      text += fmt::format(
          "| `{}` | {} | {} | {} |\n", signature(option), markdown_code(option.value.default_text),
          markdown_code(has_variable ? environment_name(option.name) : ""), meaning);
    }
    text += '\n';
  }
  return text;
}

}  // namespace neso
