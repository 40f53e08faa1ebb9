// SPDX-License-Identifier: Apache-2.0
// Sentences are Triton's (core/src/ensemble_scheduler and ensemble_utils.cc).
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/ensemble.h"
#include "model/model.h"

namespace neso {
namespace {

// A tensor of the graph as some model has it, batch dimension included.
struct Described {
  DType dtype;
  Shape shape;
  std::string model;
};

Shape full_shape(const ModelTensor& tensor, int64_t max_batch_size) {
  Shape shape = tensor.dims;
  if (max_batch_size > 0) shape.insert(shape.begin(), -1);
  return shape;
}

bool compatible(const Shape& a, const Shape& b) {
  return std::ranges::equal(a, b,
                            [](int64_t x, int64_t y) { return x == y || x == -1 || y == -1; });
}

class PartsCheck {
 public:
  explicit PartsCheck(const ModelConfig& config) : config_(config) {
    for (const ModelTensor& input : config.inputs) add(input.name, config, input);
  }

  Result<> check(const EnsembleStep& step, const ModelConfig& part) {
    if (config_.max_batch_size > part.max_batch_size) {
      return invalid_argument(
          "ensemble {} allows maximum batch size {}, but it contains model {} which only allows "
          "maximum batch size to be {}",
          config_.name, config_.max_batch_size, part.name, part.max_batch_size);
    }
    for (const auto& [input, tensor] : step.input_map) {
      const ModelTensor* found = part.find_input(input);
      if (found == nullptr) {
        return invalid_argument(
            "in ensemble {}, ensemble tensor {} is mapping to non-existing input {} in model {}",
            config_.name, tensor, input, part.name);
      }
      NESO_TRY_VOID(agree(tensor, part, *found));
    }
    for (const ModelTensor& input : part.inputs) {
      if (input.optional || step.input_map.contains(input.name)) continue;
      return invalid_argument(
          "in ensemble {}, input {} in model {} is not mapped to any ensemble tensors",
          config_.name, input.name, part.name);
    }
    for (const auto& [output, tensor] : step.output_map) {
      const ModelTensor* found = part.find_output(output);
      if (found == nullptr) {
        return invalid_argument(
            "in ensemble {}, ensemble tensor {} is mapped from non-existing output {} in model {}",
            config_.name, tensor, output, part.name);
      }
      NESO_TRY_VOID(agree(tensor, part, *found));
    }
    return {};
  }

  Result<> check_outputs() {
    for (const ModelTensor& output : config_.outputs)
      NESO_TRY_VOID(agree(output.name, config_, output));
    return {};
  }

 private:
  void add(const std::string& tensor, const ModelConfig& model, const ModelTensor& described) {
    tensors_.emplace(tensor, Described{described.dtype, full_shape(described, model.max_batch_size),
                                       model.name});
  }

  // With what was said of the tensor before.
  Result<> agree(const std::string& tensor, const ModelConfig& model,
                 const ModelTensor& described) {
    const auto known = tensors_.find(tensor);
    if (known == tensors_.end()) {
      add(tensor, model, described);
      return {};
    }
    const Described& before = known->second;
    if (before.dtype != described.dtype) {
      return invalid_argument(
          "in ensemble {}, ensemble tensor {}: inconsistent data type: {} is inferred from model "
          "{} "
          "while {} is inferred from model {}",
          config_.name, tensor, config_name(before.dtype), before.model,
          config_name(described.dtype), model.name);
    }
    const Shape shape = full_shape(described, model.max_batch_size);
    if (compatible(before.shape, shape)) return {};
    return invalid_argument(
        "in ensemble {}, ensemble tensor {}: inconsistent shape: {} is inferred from model {} "
        "while "
        "{} is inferred from model {}",
        config_.name, tensor, shape_text(before.shape), before.model, shape_text(shape),
        model.name);
  }

  const ModelConfig& config_;
  std::map<std::string, Described> tensors_;
};

const EnsembleStep* writer_of(const ModelConfig& config, const std::string& tensor) {
  for (const EnsembleStep& step : config.ensemble_steps) {
    for (const auto& [output, written] : step.output_map) {
      if (written == tensor) return &step;
    }
  }
  return nullptr;
}

// Goes back from a tensor that is never made to what its step waits for, until a tensor comes
// again.
Error cycle_of(const ModelConfig& config, const std::set<std::string>& made, std::string tensor) {
  std::vector<std::string> way;
  while (std::ranges::find(way, tensor) == way.end()) {
    way.push_back(tensor);
    for (const auto& [input, read] : writer_of(config, tensor)->input_map) {
      if (!made.contains(read)) tensor = read;
    }
  }
  way.erase(way.begin(), std::ranges::find(way, tensor));
  way.push_back(tensor);
  return invalid_argument("in ensemble '{}', steps wait for each other: '{}'", config.name,
                          fmt::join(way, "' needs '"));
}

// A step runs once all that it reads is there; here some of them never would. Every tensor that is
// read is an input or written by a step.
Result<> check_order(const ModelConfig& config) {
  std::set<std::string> made;
  for (const ModelTensor& input : config.inputs) made.insert(input.name);
  std::set<const EnsembleStep*> ran;
  const auto missing = [&](const EnsembleStep& step) {
    return std::ranges::find_if(step.input_map,
                                [&](const auto& entry) { return !made.contains(entry.second); });
  };
  for (bool goes_on = true; std::exchange(goes_on, false);) {
    for (const EnsembleStep& step : config.ensemble_steps) {
      if (missing(step) != step.input_map.end() || !ran.insert(&step).second) continue;
      for (const auto& [output, tensor] : step.output_map) made.insert(tensor);
      goes_on = true;
    }
  }
  for (const EnsembleStep& step : config.ensemble_steps) {
    if (const auto found = missing(step); found != step.input_map.end())
      return cycle_of(config, made, found->second);
  }
  return {};
}

}  // namespace

Result<> check_ensemble_graph(const ModelConfig& config) {
  std::set<std::string> read;
  std::set<std::string> written;
  for (size_t i = 0; i < config.ensemble_steps.size(); ++i) {
    const EnsembleStep& step = config.ensemble_steps[i];
    for (const auto& [input, tensor] : step.input_map) read.insert(tensor);
    for (const auto& [output, tensor] : step.output_map) {
      if (written.insert(tensor).second && config.find_input(tensor) == nullptr) continue;
      return invalid_argument(
          "ensemble tensor '{}' can appear in an output map only once for ensemble '{}' step {}",
          tensor, config.name, i);
    }
  }
  for (const ModelTensor& input : config.inputs) {
    if (!read.contains(input.name))
      return invalid_argument("ensemble input '{}' for ensemble {}' is not used", input.name,
                              config.name);
  }
  for (const ModelTensor& output : config.outputs) {
    if (!written.contains(output.name))
      return invalid_argument("ensemble output '{}' for ensemble {}' is not used", output.name,
                              config.name);
  }
  for (const std::string& tensor : written) {
    if (!read.contains(tensor) && config.find_output(tensor) == nullptr)
      return invalid_argument("ensemble tensor '{}' is unused in ensemble '{}'", tensor,
                              config.name);
  }
  for (const std::string& tensor : read) {
    if (written.contains(tensor) || config.find_input(tensor) != nullptr) continue;
    return invalid_argument(
        "in ensemble '{}', the tensor '{}' is read by a step, but it is no input and no step "
        "writes it",
        config.name, tensor);
  }
  return check_order(config);
}

Result<> check_ensemble_parts(const ModelConfig& config, const EnsembleContext& context) {
  PartsCheck check(config);
  for (const EnsembleStep& step : config.ensemble_steps) {
    const auto part = context.find(step.model, step.version);
    if (!part) {
      return invalid_argument("ensemble {} contains models that are not available or ambiguous: {}",
                              config.name, step.model);
    }
    NESO_TRY_VOID(check.check(step, (*part)->config()));
  }
  return check.check_outputs();
}

}  // namespace neso
