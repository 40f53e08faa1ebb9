// SPDX-License-Identifier: Apache-2.0
// The message's sequence_batching, checked in Triton's words and turned into plain data.
#include "config/sequence_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "config/model_config_message.h"

namespace neso {
namespace {

using Proto = inference::ModelSequenceBatching;
using Control = Proto::Control;

DType to_dtype(inference::DataType type) {
  return dtype_from_config(inference::DataType_Name(type)).value_or(DType::Fp32);
}

size_t value_lists(const Control& control) {
  return (control.int32_false_true().empty() ? 0U : 1U) +
         (control.fp32_false_true().empty() ? 0U : 1U) +
         (control.bool_false_true().empty() ? 0U : 1U);
}

// `kind` is the control's name in config.pbtxt.
Result<> check_false_true(const Control& control, const std::string& kind,
                          const std::string& model) {
  if (value_lists(control) == 0) {
    return invalid_argument(
        "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or "
        "'bool_false_true' for {} for {}",
        kind, model);
  }
  if (value_lists(control) > 1) {
    return invalid_argument(
        "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and "
        "'bool_false_true' for {} for {}",
        kind, model);
  }
  const auto check = [&](std::string_view list, int size) -> Result<> {
    if (size == 0 || size == 2) return {};
    return invalid_argument(
        "sequence batching control '{}' must have exactly 2 entries for {} for {}", list, kind,
        model);
  };
  NESO_TRY_VOID(check("int32_false_true", control.int32_false_true_size()));
  NESO_TRY_VOID(check("fp32_false_true", control.fp32_false_true_size()));
  return check("bool_false_true", control.bool_false_true_size());
}

Result<> check_correlation_id(const Control& control, const std::string& kind,
                              const std::string& model) {
  if (value_lists(control) > 0) {
    return invalid_argument(
        "sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or "
        "'bool_false_true' for {} for {}",
        kind, model);
  }
  constexpr inference::DataType kTypes[] = {inference::TYPE_UINT64, inference::TYPE_INT64,
                                            inference::TYPE_UINT32, inference::TYPE_INT32,
                                            inference::TYPE_STRING};
  if (std::ranges::find(kTypes, control.data_type()) != std::end(kTypes)) return {};
  return invalid_argument(
      "unexpected data type for control {} for {}. Allowed data types are TYPE_UINT64, TYPE_INT64, "
      "TYPE_UINT32, TYPE_INT32 and TYPE_STRING",
      kind, model);
}

Result<> check_controls(const Proto& batching, const std::string& model) {
  std::set<std::string> tensors;
  std::set<int> kinds;
  for (const auto& input : batching.control_input()) {
    if (input.name().empty())
      return invalid_argument("sequence batching control tensor must have a name for {}", model);
    if (!tensors.insert(input.name()).second || input.control_size() > 1) {
      return invalid_argument(
          "sequence batching control tensor '{}' is specified for multiple control kinds for {}",
          input.name(), model);
    }
    for (const Control& control : input.control()) {
      const std::string kind = Control::Kind_Name(control.kind());
      if (!kinds.insert(control.kind()).second) {
        return invalid_argument("sequence batching specifies multiple {} tensors for {}", kind,
                                model);
      }
      if (control.kind() == Control::CONTROL_SEQUENCE_CORRID) {
        NESO_TRY_VOID(check_correlation_id(control, kind, model));
      } else {
        NESO_TRY_VOID(check_false_true(control, kind, model));
      }
    }
  }
  return {};
}

Result<> check_preferred_sizes(const Proto& batching, const inference::ModelConfig& config) {
  for (const int size : batching.oldest().preferred_batch_size()) {
    if (size <= 0) {
      return invalid_argument("sequence batching preferred batch size must be positive for {}",
                              config.name());
    }
    if (size > config.max_batch_size()) {
      return invalid_argument(
          "sequence batching preferred batch size must be <= max batch size for {}", config.name());
    }
  }
  return {};
}

SequenceControl to_control(const std::string& input, const Control& proto) {
  SequenceControl control{.input = input};
  switch (proto.kind()) {
    case Control::CONTROL_SEQUENCE_END:
      control.kind = SequenceControlKind::End;
      break;
    case Control::CONTROL_SEQUENCE_READY:
      control.kind = SequenceControlKind::Ready;
      break;
    case Control::CONTROL_SEQUENCE_CORRID:
      control.kind = SequenceControlKind::CorrelationId;
      control.dtype = to_dtype(proto.data_type());
      return control;
    default:
      control.kind = SequenceControlKind::Start;
  }
  const auto take = [&control](DType dtype, const auto& values) {
    if (values.size() != 2) return;
    control.dtype = dtype;
    control.false_value = static_cast<double>(values.Get(0));
    control.true_value = static_cast<double>(values.Get(1));
  };
  take(DType::Int32, proto.int32_false_true());
  take(DType::Fp32, proto.fp32_false_true());
  take(DType::Bool, proto.bool_false_true());
  return control;
}

SequenceState to_state(const Proto::State& proto) {
  SequenceState state{.input = proto.input_name(),
                      .output = proto.output_name(),
                      .dtype = to_dtype(proto.data_type()),
                      .dims = {proto.dims().begin(), proto.dims().end()}};
  for (const auto& initial : proto.initial_state()) {
    state.initial_states.push_back(
        {.name = initial.name(),
         .dtype = to_dtype(initial.data_type()),
         .dims = {initial.dims().begin(), initial.dims().end()},
         .has_data = initial.state_data_case() != Proto::InitialState::STATE_DATA_NOT_SET,
         .data_file = initial.data_file()});
  }
  return state;
}

void fill_delay(SequenceBatching& batching, const Proto& proto, size_t rows) {
  if (proto.has_oldest()) {
    batching.max_queue_delay_us = proto.oldest().max_queue_delay_microseconds();
    for (const int size : proto.oldest().preferred_batch_size())
      batching.enough.push_back(static_cast<size_t>(std::max(size, 1)));
    std::ranges::sort(batching.enough);
    batching.preserve_ordering = proto.oldest().preserve_ordering();
    return;
  }
  // Without a share of rows that should be there the direct strategy waits for nothing.
  const double share = proto.direct().minimum_slot_utilization();
  if (!(share > 0)) return;
  batching.max_queue_delay_us = proto.direct().max_queue_delay_microseconds();
  batching.enough = {static_cast<size_t>(std::ceil(share * static_cast<double>(rows)))};
  batching.all_beyond_enough = true;
}

}  // namespace

Result<> check_sequence_batching(const inference::ModelConfig& config) {
  if (!config.has_sequence_batching()) return {};
  const Proto& batching = config.sequence_batching();
  NESO_TRY_VOID(check_controls(batching, config.name()));
  NESO_TRY_VOID(check_preferred_sizes(batching, config));
  const float utilization = batching.direct().minimum_slot_utilization();
  if (!(utilization >= 0 && utilization <= 1)) {
    return invalid_argument(
        "sequence batching minimum slot utilization must be in range (0.0, 1.0] for {}",
        config.name());
  }
  return {};
}

SequenceBatching to_sequence_batching(const inference::ModelConfig& config) {
  const Proto& proto = config.sequence_batching();
  SequenceBatching batching;
  if (proto.max_sequence_idle_microseconds() > 0)
    batching.max_idle_us = proto.max_sequence_idle_microseconds();
  for (const auto& input : proto.control_input()) {
    for (const Control& control : input.control())
      batching.controls.push_back(to_control(input.name(), control));
  }
  for (const auto& state : proto.state()) batching.states.push_back(to_state(state));
  const auto rows = static_cast<size_t>(std::max(1, config.max_batch_size()));
  batching.slots = proto.oldest().max_candidate_sequences() > 0
                       ? static_cast<size_t>(proto.oldest().max_candidate_sequences())
                       : rows;
  fill_delay(batching, proto, rows);
  return batching;
}

}  // namespace neso
