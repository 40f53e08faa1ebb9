// SPDX-License-Identifier: Apache-2.0
// What instances of models need before they may run, and what there is of it: a config's
// instance_group.rate_limiter, and --rate-limit-resource.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace neso {

struct ResourceNeed {
  std::string name;
  bool global = false;  // one for the whole server; else one for each device
  uint32_t count = 0;
};

struct InstanceResources {
  std::vector<ResourceNeed> needs = {};
  uint32_t priority = 0;  // 1 is the highest; 0 means 1
};

struct ResourceLimit {
  std::string name;  // in lower case, as Triton reads the option
  uint32_t count = 0;
  std::optional<int> device = {};  // empty: of each device
};

}  // namespace neso
