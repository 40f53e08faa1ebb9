// SPDX-License-Identifier: Apache-2.0
// Inside config/: the composite values of Triton's options, split and checked with its sentences.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/grpc_options.h"

namespace neso {

// "<first><delimiter><second>": an integer >= 0, and a number from 0 to max_second.
Result<> check_pair(std::string_view text, char delimiter, double max_second);

struct NamedSetting {
  std::string_view name;  // may be empty
  std::string_view setting;
  std::string_view value;
};
// "<name>,<setting>=<value>" or "<setting>=<value>"; nullopt when it is neither.
std::optional<NamedSetting> split_named_setting(std::string_view text);

// "<config name><delimiter><setting>=<value>", all three present; the error names the option.
Result<> check_named_setting(std::string_view text, std::string_view option,
                             std::string_view config_name, char first_delimiter);

// "<name>[,<name>]:<key>=<value>", checked by check_named_setting: what each name needs. Names are
// Triton's groups of calls, each in one restriction only; `kind` is "protocol" or "api".
Result<> add_restriction(std::string_view text, std::string_view kind, RequiredHeaders& restricted);

}  // namespace neso
