// SPDX-License-Identifier: Apache-2.0
// The cores that host policies give to the instances of a model.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "base/result.h"
#include "config/host_policy.h"
#include "config/model_config.h"
#include "model/loading/instances.h"

namespace neso {

struct HostCores {
  std::span<const int> usable;  // by this process
  std::filesystem::path nodes = "/sys/devices/system/node";
};

// Of each instance; none for one without a policy, nothing at all when there is none with one. A
// group that names no policy has Triton's for its kind: "cpu", "gpu_N" or "model". A name that no
// --host-policy has is without effect, as in Triton.
Result<std::vector<std::vector<int>>> instance_cores(std::span<const InstancePlace> places,
                                                     const HostPolicies& policies,
                                                     const HostCores& host);

// Says in the log which names of the config have no policy.
void tell_unknown_policies(const ModelConfig& config, const HostPolicies& policies);

}  // namespace neso
