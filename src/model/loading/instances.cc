// SPDX-License-Identifier: Apache-2.0
#include "model/loading/instances.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace neso {
namespace {

bool may_have_a_gpu(const InstanceGroup& group) {
  return group.kind == InstanceKind::Gpu || group.kind == InstanceKind::Auto;
}

}  // namespace

std::vector<InstancePlace> instance_places(const ModelConfig& config, std::span<const int> gpus) {
  std::vector<InstancePlace> places;
  for (const InstanceGroup& group : config.instance_groups) {
    for (int i = 0; i < std::max(1, group.count); ++i) {
      if (gpus.empty() || group.kind != InstanceKind::Gpu) {
        places.push_back({&group, std::nullopt});
        continue;
      }
      for (const int gpu : group.gpus) places.push_back({&group, gpu});
    }
  }
  return places;
}

GpuWish gpu_wish(const ModelConfig& config) {
  if (config.instance_groups.empty()) return GpuWish::IfThere;
  GpuWish wish = GpuWish::None;
  for (const InstanceGroup& group : config.instance_groups) {
    if (!may_have_a_gpu(group)) continue;
    if (group.kind == InstanceKind::Gpu || !group.gpus.empty()) return GpuWish::Asked;
    wish = GpuWish::IfThere;
  }
  return wish;
}

Result<int> first_gpu(const ModelConfig& config, std::span<const int> gpus) {
  NESO_CHECK(!gpus.empty());
  std::optional<int> first;
  for (const InstanceGroup& group : config.instance_groups) {
    for (const int id : group.gpus) {
      if (std::ranges::find(gpus, id) != gpus.end()) continue;
      return invalid_argument(
          "instance group {} of model {} specifies invalid or unsupported gpu id {}. The GPUs of "
          "this server are: {}",
          group.name, config.name, id, fmt::join(gpus, ", "));
    }
    if (!first && may_have_a_gpu(group))
      first = group.gpus.empty() ? gpus.front() : group.gpus.front();
  }
  return first.value_or(gpus.front());
}

}  // namespace neso
