// SPDX-License-Identifier: Apache-2.0
// --host-policy: where the instances run whose config names the policy.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace neso {

// As written: Triton, too, looks at the values only when an instance needs them.
struct HostPolicy {
  std::optional<std::string> numa_node;
  std::optional<std::string> cpu_cores;
};
using HostPolicies = std::map<std::string, HostPolicy, std::less<>>;  // by name

}  // namespace neso
