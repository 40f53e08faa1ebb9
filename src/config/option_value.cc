// SPDX-License-Identifier: Apache-2.0
#include "config/option_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace neso {
namespace {

Error invalid_value(std::string_view text) {
  return invalid_argument("Invalid option value. Got {}", text);
}

// The whole text as a number; nullopt when it is none, ec set when it is one that does not fit.
template <typename T>
std::optional<T> whole_number(std::string_view text, std::errc& ec) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  const char* const end = text.data() + text.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): `end` bounds it
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  ec = error;
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  return value;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

Result<bool> read_bool(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (lower == "true" || lower == "on" || lower == "1") return true;
  if (lower == "false" || lower == "off" || lower == "0") return false;
  return invalid_argument("invalid value for bool option: {}", text);
}

Result<int64_t> read_integer(std::string_view text, int64_t min, int64_t max) {
  std::errc ec{};
  const auto value = whole_number<int64_t>(text, ec);
  if (!value) return invalid_value(text);
  if (ec != std::errc{} || *value < min || *value > max) {
    return invalid_argument("Provided option value is out of bound. Got {}, expected {} to {}",
                            text, min, max);
  }
  return *value;
}

Result<double> read_float(std::string_view text, double min, double max) {
  std::errc ec{};
  const auto value = whole_number<double>(text, ec);
  if (!value || std::isnan(*value)) return invalid_value(text);
  if (ec != std::errc{} || *value < min || *value > max) {
    return invalid_argument("Provided option value is out of bound. Got {}, expected {} to {}",
                            text, min, max);
  }
  return *value;
}

Result<size_t> read_choice(std::string_view text, std::string_view option,
                           std::span<const std::string_view> choices) {
  size_t index = 0;
  for (const std::string_view choice : choices) {
    if (lower_case(text) == lower_case(choice)) return index;
    ++index;
  }
  return invalid_argument("invalid argument for --{}: {} is none of {}", option, text,
                          fmt::join(choices, ", "));
}

OptionValue flag_value(bool& target) {
  return {"", "", [&target](std::string_view text) -> Result<> {
            NESO_TRY(target, read_bool(text));
            return {};
          }};
}

OptionValue bool_value(bool& target) {
  return {"boolean", target ? "true" : "false", [&target](std::string_view text) -> Result<> {
            NESO_TRY(target, read_bool(text));
            return {};
          }};
}

OptionValue float_value(double& target, double min, double max) {
  return {"float", fmt::format("{}", target),
          [&target, min, max](std::string_view text) -> Result<> {
            NESO_TRY(target, read_float(text, min, max));
            return {};
          }};
}

OptionValue text_value(std::string& target) {
  return {"string", target, [&target](std::string_view text) -> Result<> {
            target = text;
            return {};
          }};
}

OptionValue path_value(std::filesystem::path& target) {
  return {"string", target.string(), [&target](std::string_view text) -> Result<> {
            if (text.empty()) return invalid_argument("expected a path, got nothing");
            target = text;
            return {};
          }};
}

OptionValue list_value(std::vector<std::string>& target) {
  return {"string", "", [&target](std::string_view text) -> Result<> {
            target.emplace_back(text);
            return {};
          }};
}

OptionValue ignored_value(std::string placeholder, std::string default_text, OptionSetter check) {
  if (!check) check = [](std::string_view) { return Result<>(); };
  return {std::move(placeholder), std::move(default_text), std::move(check)};
}

OptionValue ignored_text(std::string default_text) {
  return ignored_value("string", std::move(default_text));
}

OptionValue ignored_bool(std::string default_text) {
  return ignored_value("boolean", std::move(default_text), [](std::string_view text) -> Result<> {
    NESO_TRY_VOID(read_bool(text));
    return {};
  });
}

OptionValue ignored_integer(std::string default_text, int64_t min, int64_t max) {
  return ignored_value("integer", std::move(default_text),
                       [min, max](std::string_view text) -> Result<> {
                         NESO_TRY_VOID(read_integer(text, min, max));
                         return {};
                       });
}

OptionValue ignored_float(std::string default_text, double min, double max) {
  return ignored_value("float", std::move(default_text),
                       [min, max](std::string_view text) -> Result<> {
                         NESO_TRY_VOID(read_float(text, min, max));
                         return {};
                       });
}

OptionValue ignored_choice(std::string default_text, std::string_view option,
                           std::vector<std::string_view> choices) {
  return ignored_value("string", std::move(default_text),
                       [option, choices = std::move(choices)](std::string_view text) -> Result<> {
                         NESO_TRY_VOID(read_choice(text, option, choices));
                         return {};
                       });
}

}  // namespace neso
