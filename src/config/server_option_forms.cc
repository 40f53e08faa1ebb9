// SPDX-License-Identifier: Apache-2.0
#include "config/server_option_forms.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "config/option_value.h"

namespace neso {

Result<> check_pair(std::string_view text, char delimiter, double max_second) {
  const size_t at = text.find(delimiter);
  if (at == std::string_view::npos) {
    return invalid_argument(
        "Cannot parse pair option due to incorrect number of inputs.--<pair option> argument "
        "requires format <first>{}<second>. Found: {}",
        delimiter, text);
  }
  NESO_TRY_VOID(read_integer(text.substr(0, at), 0, std::numeric_limits<int32_t>::max()));
  NESO_TRY_VOID(read_float(text.substr(at + 1), 0, max_second));
  return {};
}

std::optional<NamedSetting> split_named_setting(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  // A comma after the '=' belongs to the value.
  const std::string_view left = text.substr(0, equals);
  const size_t comma = left.find(',');
  const NamedSetting parts{
      .name = comma == std::string_view::npos ? std::string_view() : left.substr(0, comma),
      .setting = comma == std::string_view::npos ? left : left.substr(comma + 1),
      .value = text.substr(equals + 1)};
  if (comma == 0 || parts.setting.empty() || parts.value.empty()) return std::nullopt;
  return parts;
}

Result<> check_named_setting(std::string_view text, std::string_view option,
                             std::string_view config_name, char first_delimiter) {
  const size_t first = text.find(first_delimiter);
  const size_t equals = first == std::string_view::npos ? first : text.find('=', first + 1);
  if (equals == std::string_view::npos || first == 0 || equals == first + 1 ||
      equals + 1 == text.size()) {
    return invalid_argument("--{} option format is '<{}>{}<setting>=<value>'. Got {}", option,
                            config_name, first_delimiter, text);
  }
  return {};
}

Result<> add_restriction(std::string_view text, std::string_view kind,
                         RequiredHeaders& restricted) {
  const size_t colon = text.find(':');
  const size_t equals = text.find('=', colon);
  const RequiredHeader header{.key = std::string(text.substr(colon + 1, equals - colon - 1)),
                              .value = std::string(text.substr(equals + 1))};
  for (std::string_view names = text.substr(0, colon); !names.empty();) {
    const size_t comma = std::min(names.find(','), names.size());
    const std::string_view name = names.substr(0, comma);
    names.remove_prefix(std::min(comma + 1, names.size()));
    if (std::ranges::find(kRestrictableGroups, name) == kRestrictableGroups.end())
      return invalid_argument("unknown restricted {} '{}' ", kind, name);
    if (!restricted.emplace(name, header).second) {
      return invalid_argument("restricted {} '{}' can not be specified in multiple config groups",
                              kind, name);
    }
  }
  return {};
}

}  // namespace neso
