// SPDX-License-Identifier: Apache-2.0
// What an option takes: how its value looks in the help, its default, and how its text becomes a
// member of a struct. Defaults are read from the member when the row is made: the struct's
// initialisers are the only place that has them.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neso {

// Stores the value that `text` says. The error is the reason alone; whoever calls knows the
// option's name.
using OptionSetter = std::function<Result<>(std::string_view text)>;

struct OptionValue {
  std::string placeholder;   // "integer"; empty: a flag, which takes no value
  std::string default_text;  // empty: unset
  OptionSetter set;
};

std::string lower_case(std::string_view text);  // ASCII

// Readers, with Triton's sentences: "Invalid option value. Got abc".
Result<bool> read_bool(std::string_view text);  // true/on/1, false/off/0, any case
Result<int64_t> read_integer(std::string_view text, int64_t min, int64_t max);
Result<double> read_float(std::string_view text, double min, double max);
// The index of `text`, in any case, in `choices`; the error names the option and the choices.
Result<size_t> read_choice(std::string_view text, std::string_view option,
                           std::span<const std::string_view> choices);

// A flag sets `target` to true; as an environment variable it takes a boolean.
OptionValue flag_value(bool& target);
OptionValue bool_value(bool& target);
OptionValue float_value(double& target, double min, double max);
OptionValue text_value(std::string& target);
OptionValue path_value(std::filesystem::path& target);
// Repeatable: each value is appended.
OptionValue list_value(std::vector<std::string>& target);
// A text that is only checked, for options without effect. The checks keep typing errors from
// passing.
OptionValue ignored_value(std::string placeholder, std::string default_text,
                          OptionSetter check = {});

OptionValue ignored_text(std::string default_text = {});
OptionValue ignored_bool(std::string default_text);
OptionValue ignored_integer(std::string default_text, int64_t min = 0,
                            int64_t max = std::numeric_limits<int64_t>::max());
OptionValue ignored_float(std::string default_text, double min, double max);
OptionValue ignored_choice(std::string default_text, std::string_view option,
                           std::vector<std::string_view> choices);

template <std::integral T>
OptionValue integer_value(T& target, int64_t min, int64_t max = std::numeric_limits<T>::max()) {
  return {"integer", std::to_string(target),
          [&target, min, max](std::string_view text) -> Result<> {
            NESO_TRY(const int64_t value, read_integer(text, min, max));
            target = static_cast<T>(value);
            return {};
          }};
}

}  // namespace neso
