// SPDX-License-Identifier: Apache-2.0
#include "config/config_fields.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/error.h"
#include "config/model_config_message.h"

namespace neso {
namespace {

namespace pb = google::protobuf;

struct Note {
  std::string_view path;
  std::string_view text;
};

// Fields whose absence would change what a model computes, or how safe it is. The text follows the
// path in the sentence that refuses the model. Sorted.
constexpr Note kRefused[] = {
    {"batch_input", "inputs that are computed from a batch are not made here"},
    {"batch_output", "outputs are split by rows, and not in any other way"},
    {"input.is_non_linear_format_io", "it is only supported for TensorRT platform"},
    {"input.is_shape_tensor", "shape tensors are only supported for TensorRT platform"},
    {"instance_group.passive", "an instance that takes no requests is of no use here"},
    {"instance_group.profile", "it is only supported for TensorRT models"},
    {"model_operations", "libraries of custom operations are not loaded"},
    {"model_repository_agents", "agents, which may check or decrypt the files, are not run"},
    {"output.is_non_linear_format_io", "it is only supported for TensorRT platform"},
    {"output.is_shape_tensor", "shape tensors are only supported for TensorRT platform"},
    {"sequence_batching.iterative_sequence", "a graph never asks to be run again"},
    {"sequence_batching.state.use_growable_memory", "it needs a GPU"},
};

// What is worth a word about the others. Sorted.
constexpr Note kNotes[] = {
    {"backend", "onnxruntime or neso; others are refused"},
    {"cc_model_filenames", "the model is the same on every GPU"},
    {"dynamic_batching.max_queue_delay_microseconds",
     "an upper bound that is never used up: an idle engine does not wait"},
    {"dynamic_batching.preferred_batch_size",
     "a batch ends at such a size while its oldest request has not waited the delay"},
    {"ensemble_scheduling.max_inflight_requests", "requests of ensembles are not limited"},
    {"input.allow_ragged_batch",
     "of a text encoder, whose texts are packed anyway; any other model is refused"},
    {"input.format", "checked only, as in Triton"},
    {"instance_group.gpus",
     "each runs `count` instances; without one the CPU does, with a warning"},
    {"instance_group.host_policy", "with --host-policy, which says the cores of a policy's name"},
    {"instance_group.kind",
     "KIND_GPU runs an ONNX graph by ONNX Runtime's CUDA provider, else on the CPU, with a "
     "warning; KIND_AUTO does where it can"},
    {"instance_group.rate_limiter",
     "with --rate-limit=execution_count; without it the log says that it is not"},
    {"instance_group.secondary_devices", "there is none"},
    {"model_transaction_policy.decoupled",
     "a graph answers each request once; it is served by calls and streams alike"},
    {"model_warmup", "runs on each instance before the version is ready"},
    {"optimization.cuda", "of TensorRT's own backend"},
    {"optimization.eager_batching", "batches are gathered when they run"},
    {"optimization.execution_accelerators.cpu_execution_accelerator",
     "graphs run on ONNX Runtime's own CPU kernels"},
    {"optimization.execution_accelerators.gpu_execution_accelerator",
     "tensorrt and cuda with Triton's parameters, of instances that run on a GPU"},
    {"optimization.gather_kernel_buffer_threshold", "inputs are gathered in ordinary memory"},
    {"optimization.graph.level", "of ONNX Runtime: -1 basic, 0 all, 1 extended, 2 none"},
    {"optimization.input_pinned_memory.enable", "ONNX Runtime copies to the GPU"},
    {"optimization.output_pinned_memory.enable", "ONNX Runtime copies from the GPU"},
    {"optimization.priority", "of TensorRT's own backend"},
    {"output.label_filename", "for classification"},
    {"parameters",
     "intra_op_thread_count, inter_op_thread_count, execution_mode, enable_mem_arena, "
     "enable_mem_pattern, memory.enable_memory_arena_shrinkage, "
     "session.use_device_allocator_for_initializers for ONNX Runtime; engine and precision for "
     "ours. Those of a GPU are listed below, others are the model's own"},
    {"platform", "onnxruntime_onnx, neso or ensemble; others are refused"},
    {"runtime", "there is one build of each backend"},
    {"sequence_batching.oldest.preserve_ordering",
     "the order in which requests of all sequences have their turn, as in Triton"},
    {"sequence_batching.state.use_same_buffer_for_input_output", "a state has a buffer of its own"},
};

// ONNX Runtime's CUDA provider's. Sorted.
constexpr std::string_view kGpuParameters[] = {
    "arena_extend_strategy",     "cudnn_conv_algo_search", "cudnn_conv_use_max_workspace",
    "do_copy_in_default_stream", "gpu_mem_limit",
};

template <size_t N>
const Note* find(const Note (&sorted)[N], std::string_view path) {
  const auto found = std::ranges::lower_bound(sorted, path, {}, &Note::path);
  return found != std::end(sorted) && found->path == path ? found : nullptr;
}

void list(const pb::Descriptor& message, const std::string& prefix,
          std::vector<ConfigField>& fields) {
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    const std::string path = prefix + field.name();
    const Note* note = find(kNotes, path);
    if (const Note* refused = find(kRefused, path)) {
      fields.push_back({path, FieldEffect::Refused, std::string(refused->text)});
    } else if (is_opened_field(path)) {
      list(*field.message_type(), path + '.', fields);
    } else {
      fields.push_back({path,
                        is_honoured_field(path) ? FieldEffect::Honoured : FieldEffect::Harmless,
                        note != nullptr ? std::string(note->text) : std::string()});
    }
  }
}

// Set to something that is not its default.
bool is_set(const pb::Message& message, std::string_view path) {
  const pb::Reflection& reflection = *message.GetReflection();
  const size_t dot = path.find('.');
  const pb::FieldDescriptor* field =
      message.GetDescriptor()->FindFieldByName(std::string(path.substr(0, dot)));
  if (dot == std::string_view::npos) {
    return field->is_repeated() ? reflection.FieldSize(message, field) > 0
                                : reflection.HasField(message, field);
  }
  const std::string_view rest = path.substr(dot + 1);
  if (!field->is_repeated()) return is_set(reflection.GetMessage(message, field), rest);
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    if (is_set(reflection.GetRepeatedMessage(message, field, i), rest)) return true;
  }
  return false;
}

}  // namespace

std::vector<ConfigField> config_fields() {
  std::vector<ConfigField> fields;
  list(*inference::ModelConfig::descriptor(), "", fields);
  return fields;
}

Result<> check_refused_fields(const inference::ModelConfig& config) {
  static_assert(std::ranges::is_sorted(kRefused, {}, &Note::path));
  static_assert(std::ranges::is_sorted(kNotes, {}, &Note::path));
  for (const auto& [path, why] : kRefused) {
    if (!is_set(config, path)) continue;
    return unsupported("'{}' cannot be honoured: {}. Remove it from the config of {}", path, why,
                       config.name());
  }
  return {};
}

bool is_gpu_parameter(const std::string& key) {
  return std::ranges::binary_search(kGpuParameters, std::string_view(key));
}

std::string config_fields_markdown() {
  std::string text =
      "# Fields of config.pbtxt\n\n"
      "Every field parses, and none is ignored in silence: it is honoured, or it is harmless here "
      "and "
      "named in the log when a\nconfig sets it, or it refuses the model with a sentence. A field "
      "that "
      "is not there at all is refused with line and column.\n\n"
      "<!-- Written by config_test: NESO_UPDATE_DOCS=1 config_test. -->\n\n"
      "| field | what becomes of it | |\n|---|---|---|\n";
  for (const auto& [path, effect, note] : config_fields()) {
    const std::string_view word = effect == FieldEffect::Honoured   ? "honoured"
                                  : effect == FieldEffect::Harmless ? "named in the log"
                                                                    : "refused";
    text += fmt::format("| `{}` | {} | {} |\n", path, word, note);
  }
  text += fmt::format(
      "\nParameters of ONNX Runtime's CUDA provider, named in the log when no instance runs on "
      "a GPU: `{}`.\n",
      fmt::join(kGpuParameters, "`, `"));
  return text;
}

}  // namespace neso
