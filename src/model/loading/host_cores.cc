// SPDX-License-Identifier: Apache-2.0
#include "model/loading/host_cores.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/affinity.h"
#include "base/error.h"
#include "base/log.h"

namespace neso {
namespace {

std::string policy_name(const InstancePlace& place) {
  if (!place.group->host_policy.empty()) return place.group->host_policy;
  if (place.gpu) return fmt::format("gpu_{}", *place.gpu);
  return place.group->kind == InstanceKind::Model ? "model" : "cpu";
}

Result<std::vector<int>> cores_of_node(std::string_view policy, const std::string& text,
                                       const HostCores& host) {
  int node = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), node);
  if (error != std::errc() || end != text.data() + text.size())
    return invalid_argument("Parsing 'numa-node' value: Can't parse '{}' to integer", text);
  std::ifstream file(host.nodes / ("node" + std::to_string(node)) / "cpulist");
  std::string list;
  std::getline(file, list);
  std::vector<int> cores;
  std::ranges::set_intersection(parse_core_list(list).value_or(std::vector<int>()), host.usable,
                                std::back_inserter(cores));
  if (!cores.empty()) return cores;
  return invalid_argument(
      "host policy '{}': NUMA node {} has no core that this process may use; the nodes are in {}, "
      "name one of them with --host-policy={},numa-node=NODE",
      policy, node, host.nodes.string(), policy);
}

Result<std::vector<int>> named_cores(std::string_view policy, const std::string& text,
                                     const HostCores& host) {
  const auto cores = parse_core_list(text);
  if (!cores) {
    return invalid_argument(
        "host policy setting 'cpu-cores' format is '<lower_cpu_core_id>-<upper_cpu_core_id>'. Got "
        "{}",
        text);
  }
  std::vector<int> missing;
  std::ranges::set_difference(*cores, host.usable, std::back_inserter(missing));
  if (missing.empty()) return *cores;
  return invalid_argument(
      "host policy '{}': this process has no core {}, it has {}; name some of these with "
      "--host-policy={},cpu-cores=FIRST-LAST",
      policy, core_list(missing), core_list(host.usable), policy);
}

Result<std::vector<int>> cores_of_instance(const InstancePlace& place, const HostPolicies& policies,
                                           const HostCores& host) {
  const std::string name = policy_name(place);
  const auto policy = policies.find(name);
  if (policy == policies.end()) return std::vector<int>();
  const HostPolicy& settings = policy->second;
  std::vector<int> of_node;
  if (settings.numa_node) {
    NESO_TRY(of_node, cores_of_node(name, *settings.numa_node, host));
  }
  if (settings.cpu_cores) return named_cores(name, *settings.cpu_cores, host);
  return of_node;
}

}  // namespace

Result<std::vector<std::vector<int>>> instance_cores(std::span<const InstancePlace> places,
                                                     const HostPolicies& policies,
                                                     const HostCores& host) {
  std::vector<std::vector<int>> cores;
  for (const InstancePlace& place : places) {
    NESO_TRY(auto of_one, cores_of_instance(place, policies, host));
    cores.push_back(std::move(of_one));
  }
  if (std::ranges::all_of(cores, [](const auto& of_one) { return of_one.empty(); })) cores.clear();
  return cores;
}

void tell_unknown_policies(const ModelConfig& config, const HostPolicies& policies) {
  for (const InstanceGroup& group : config.instance_groups) {
    if (group.host_policy.empty() || policies.contains(group.host_policy)) continue;
    log_warning(
        "model '{}': instance_group.host_policy is '{}', which no --host-policy tells more of; its "
        "instances run on any core",
        config.name, group.host_policy);
  }
}

}  // namespace neso
