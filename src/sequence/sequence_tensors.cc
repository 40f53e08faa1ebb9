// SPDX-License-Identifier: Apache-2.0
#include "sequence/sequence_tensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace neso {
namespace {

constexpr size_t kMaxStateBytes = size_t{1} << 30;

const TensorSpec* find(const std::vector<TensorSpec>& specs, const std::string& name) {
  const auto found = std::ranges::find(specs, name, &TensorSpec::name);
  return found == specs.end() ? nullptr : &*found;
}

// Without the batch dimension.
Shape item_dims(const TensorSpec& spec, bool batched) {
  const size_t skipped = std::min<size_t>(batched ? 1 : 0, spec.shape.size());
  return {spec.shape.begin() + static_cast<std::ptrdiff_t>(skipped), spec.shape.end()};
}

Result<> check_control(const ModelConfig& config, const SequenceControl& control,
                       const EngineInfo& engine) {
  const TensorSpec* spec = find(engine.inputs, control.input);
  if (spec == nullptr) {
    return internal_error(
        "configuration specified sequence control '{}', but model does not provide that input",
        control.input);
  }
  const Shape dims = item_dims(*spec, config.max_batch_size > 0);
  if (dims != Shape{1}) {
    return invalid_argument(
        "unable to load model '{}', sequence control '{}' in model has dims {} but dims [1] is "
        "expected",
        config.name, control.input, shape_text(dims));
  }
  if (spec->dtype != control.dtype) {
    return invalid_argument(
        "unable to load model '{}', sequence control '{}', the model expects data-type {} but the "
        "model configuration specifies data-type {}",
        config.name, control.input, config_name(spec->dtype), config_name(control.dtype));
  }
  return {};
}

// `side` is "input" or "output".
Result<> check_state_side(const ModelConfig& config, const SequenceState& state,
                          const std::string& name, const std::vector<TensorSpec>& specs,
                          std::string_view side) {
  const TensorSpec* spec = find(specs, name);
  if (spec == nullptr) {
    return invalid_argument(
        "unable to load model '{}', the state's {} '{}' is none of the model's {}s", config.name,
        side, name, side);
  }
  if (spec->dtype != state.dtype) {
    return invalid_argument(
        "unable to load model '{}', configuration expects datatype {} for {} state '{}', model "
        "provides {}",
        config.name, config_name(state.dtype), side, name, config_name(spec->dtype));
  }
  const Shape dims = item_dims(*spec, config.max_batch_size > 0);
  const bool fits = dims.size() == state.dims.size() &&
                    std::ranges::equal(dims, state.dims, [](int64_t graph, int64_t declared) {
                      return graph == -1 || declared == -1 || graph == declared;
                    });
  if (fits) return {};
  return invalid_argument(
      "unable to load model '{}', {} state '{}': the model has dims {}, but the configuration "
      "declares {}",
      config.name, side, name, shape_text(dims), shape_text(state.dims));
}

Result<> check_initial_state(const SequenceState& state) {
  if (state.initial_states.size() > 1) {
    return invalid_argument(
        "initial_state field for state input '{}' must contain exactly one or zero element. Found "
        "'{}' elements.",
        state.input, state.initial_states.size());
  }
  if (state.initial_states.empty()) return {};
  const InitialState& initial = state.initial_states.front();
  if (initial.dtype != state.dtype) {
    return invalid_argument(
        "The data type used for 'initial_state' field of state '{}' does not match the state data "
        "type.",
        state.input);
  }
  if (initial.name.empty()) {
    return invalid_argument(
        "Field 'name' must be set when using initial_state for state input '{}'.", state.input);
  }
  if (initial.dims.size() != state.dims.size()) {
    return invalid_argument(
        "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for "
        "state input '{}'. {} != {}",
        state.input, initial.dims.size(), state.dims.size());
  }
  for (size_t i = 0; i < initial.dims.size(); ++i) {
    if (initial.dims[i] < 0) {
      return invalid_argument(
          "'initial_state' field for state input name '{}' contains variable dimensions.",
          state.input);
    }
    if (state.dims[i] != -1 && initial.dims[i] != state.dims[i]) {
      return invalid_argument(
          "'initial_state' dim for input name '{}' doesn't match 'state' dim description. {} != {}",
          state.input, initial.dims[i], state.dims[i]);
    }
  }
  if (!initial.has_data) {
    return invalid_argument("initial_state setting expects state'{}' to have state_data set",
                            state.input);
  }
  return {};
}

Result<Tensor> zeros(const SequenceState& state, Shape shape) {
  const auto count = element_count(shape);
  const size_t each = state.dtype == DType::Bytes ? sizeof(uint32_t) : element_size(state.dtype);
  if (!count || static_cast<uint64_t>(*count) > kMaxStateBytes / each) {
    return invalid_argument("state '{}' of shape {} is larger than {} bytes; make its dims smaller",
                            state.input, shape_text(shape), kMaxStateBytes);
  }
  // Of texts they are the lengths of empty ones.
  return Tensor(state.dtype, std::move(shape),
                std::vector<std::byte>(static_cast<size_t>(*count) * each));
}

Result<Tensor> tensor_of_file(const SequenceState& state, const Tensor& sized,
                              const std::filesystem::path& file) {
  NESO_TRY(const std::string content, read_file(file, kMaxStateBytes));
  const size_t expected = sized.bytes().size();
  const auto bytes = std::as_bytes(std::span(content));
  if (state.dtype == DType::Bytes) {
    const auto elements = bytes_elements(bytes);
    if (!elements)
      return elements.error().with_context(fmt::format("initial_state {}", file.string()));
    if (elements->size() != expected / sizeof(uint32_t)) {
      return invalid_argument("initial_state {} holds {} strings, but its dims need {}",
                              file.string(), elements->size(), expected / sizeof(uint32_t));
    }
    return Tensor::from(state.dtype, sized.shape(), bytes);
  }
  if (bytes.size() < expected) {
    return invalid_argument(
        "initial_state setting expects {} bytes, but the data provided from {} only has {} bytes.",
        expected, state.initial_states.front().data_file, bytes.size());
  }
  return Tensor::from(state.dtype, sized.shape(), bytes.first(expected));
}

// Of a sequence that starts. Variable sizes are 1 then, as in Triton.
Result<Tensor> first_state(const SequenceState& state, bool batched,
                           const std::filesystem::path& model_folder) {
  Shape shape = state.initial_states.empty() ? state.dims : state.initial_states.front().dims;
  for (int64_t& size : shape) size = size == -1 ? 1 : size;
  if (batched) shape.insert(shape.begin(), 1);
  NESO_TRY(Tensor tensor, zeros(state, std::move(shape)));
  if (state.initial_states.empty() || state.initial_states.front().data_file.empty()) return tensor;
  return tensor_of_file(state, tensor,
                        model_folder / "initial_state" / state.initial_states.front().data_file);
}

Result<> check_states(const ModelConfig& config, const EngineInfo& engine) {
  std::set<std::string> inputs;
  std::set<std::string> outputs;
  for (const SequenceState& state : config.sequence_batching->states) {
    if (!inputs.insert(state.input).second)
      return invalid_argument("State input name '{}' specified more than once.", state.input);
    if (!outputs.insert(state.output).second)
      return invalid_argument("State output name '{}' specified more than once.", state.output);
    NESO_TRY_VOID(check_state_side(config, state, state.input, engine.inputs, "input"));
    NESO_TRY_VOID(check_state_side(config, state, state.output, engine.outputs, "output"));
    NESO_TRY_VOID(check_initial_state(state));
  }
  return {};
}

template <typename T>
Tensor one_value(DType dtype, Shape shape, T value) {
  return Tensor::from<T>(dtype, std::move(shape), std::span<const T>(&value, 1));
}

// FNV-1a: a graph that takes numbers gets the same one for the same text.
uint64_t number_of(const CorrelationId& id) {
  if (const auto* number = std::get_if<uint64_t>(&id)) return *number;
  uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : std::get<std::string>(id))
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

// Numbers keep the low bytes of the id, as in Triton.
Tensor id_tensor(const CorrelationId& id, DType dtype, Shape shape) {
  if (dtype == DType::Bytes) {
    const std::string text = text_of(id);
    return Tensor::from_strings(std::move(shape), std::span(&text, 1));
  }
  const uint64_t number = number_of(id);
  if (element_size(dtype) == sizeof(uint32_t))
    return one_value(dtype, std::move(shape), static_cast<uint32_t>(number));
  return one_value(dtype, std::move(shape), number);
}

}  // namespace

std::string text_of(const CorrelationId& id) {
  const auto* number = std::get_if<uint64_t>(&id);
  return number != nullptr ? std::to_string(*number) : std::get<std::string>(id);
}

Result<SequenceTensors> SequenceTensors::make(const ModelConfig& config, const EngineInfo& engine,
                                              const std::filesystem::path& model_folder) {
  const SequenceBatching& batching = *config.sequence_batching;
  for (const SequenceControl& control : batching.controls)
    NESO_TRY_VOID(check_control(config, control, engine));
  NESO_TRY_VOID(check_states(config, engine));
  SequenceTensors tensors;
  tensors.controls_ = batching.controls;
  tensors.states_ = batching.states;
  tensors.batched_ = config.max_batch_size > 0;
  for (const SequenceState& state : batching.states) {
    NESO_TRY(Tensor initial, first_state(state, tensors.batched_, model_folder));
    tensors.initial_.push_back({state.input, std::move(initial)});
  }
  return tensors;
}

Tensor SequenceTensors::control_tensor(const SequenceControl& control,
                                       const SequenceStep& step) const {
  Shape shape = batched_ ? Shape{1, 1} : Shape{1};
  if (control.kind == SequenceControlKind::CorrelationId)
    return id_tensor(step.id, control.dtype, std::move(shape));
  const bool is_true = control.kind == SequenceControlKind::Ready ||  // no row stands empty here
                       (control.kind == SequenceControlKind::Start ? step.start : step.end);
  const double value = is_true ? control.true_value : control.false_value;
  if (control.dtype == DType::Fp32)
    return one_value(control.dtype, std::move(shape), static_cast<float>(value));
  if (control.dtype == DType::Bool)
    return one_value(control.dtype, std::move(shape), static_cast<uint8_t>(value != 0));
  return one_value(control.dtype, std::move(shape), static_cast<int32_t>(value));
}

void SequenceTensors::complete(const SequenceStep& step, const std::vector<NamedTensor>& states,
                               TensorWork& work) const {
  for (const SequenceControl& control : controls_)
    work.inputs.push_back({control.input, control_tensor(control, step)});
  const auto& given = step.start || states.empty() ? initial_ : states;
  work.inputs.insert(work.inputs.end(), given.begin(), given.end());
  for (const SequenceState& state : states_) {
    if (std::ranges::find(work.outputs, state.output) == work.outputs.end())
      work.outputs.push_back(state.output);
  }
}

std::vector<NamedTensor> SequenceTensors::take_states(const std::vector<std::string>& wanted,
                                                      std::vector<NamedTensor>& outputs) const {
  std::vector<NamedTensor> states;
  for (const SequenceState& state : states_) {
    const auto found = std::ranges::find(outputs, state.output, &NamedTensor::name);
    if (found == outputs.end()) continue;
    // Of a joined run it is a view that would keep the whole batch in memory.
    const Tensor& tensor = found->tensor;
    states.push_back({state.input, Tensor::from(tensor.dtype(), tensor.shape(), tensor.bytes())});
  }
  std::erase_if(outputs, [&wanted](const NamedTensor& output) {
    return std::ranges::find(wanted, output.name) == wanted.end();
  });
  return states;
}

}  // namespace neso
