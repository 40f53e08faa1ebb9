// SPDX-License-Identifier: Apache-2.0
// Where the instances of a model's instance groups run.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"

namespace neso {

struct InstancePlace {
  const InstanceGroup* group;  // of the config that was asked
  std::optional<int> gpu;      // as CUDA counts; empty: the CPU
};

// In Triton's order: of each group `count` times its GPUs. `gpus`: those that the model's engine
// runs on, none for an engine of the CPU, on which KIND_GPU is `count` instances. The config is
// completed, and outlives the answer.
std::vector<InstancePlace> instance_places(const ModelConfig& config, std::span<const int> gpus);

// How much the instance groups of a config as written want a GPU.
enum class GpuWish {
  None,
  IfThere,  // KIND_AUTO, and a config without groups
  Asked     // KIND_GPU, and KIND_AUTO that lists GPUs
};
GpuWish gpu_wish(const ModelConfig& config);

// The GPU of the first instance that may have one: one of `gpus`, which are all there are. Refuses,
// in Triton's words, a group that lists another one.
Result<int> first_gpu(const ModelConfig& config, std::span<const int> gpus);

}  // namespace neso
