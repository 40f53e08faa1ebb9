// SPDX-License-Identifier: Apache-2.0
// Environment variables as a value that is passed down, so that tests set them without touching the
// process.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neso {

// The value of a variable, or nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The process's own; the only reader of getenv in this program.
Environment process_environment();

// The names of its variables that start so, sorted.
std::vector<std::string> process_variables(std::string_view prefix);

}  // namespace neso
