// SPDX-License-Identifier: Apache-2.0
#include "model/loading/model_loader.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/onnx/onnx_engine.h"
#include "model/loading/host_cores.h"
#include "model/loading/loading.h"
#include "model/loading/model_engines.h"
#include "model/loading/native_engine.h"

namespace neso {
namespace {

// Requests to our own engine need no small limit: the scheduler cuts batches by tokens.
constexpr int64_t kOwnMaxBatchSize = 128;
ModelTensor tensor(std::string name, DType dtype, Shape dims) {
  return {.name = std::move(name), .dtype = dtype, .dims = std::move(dims)};
}

// The first value that is known.
size_t known(size_t a, size_t b) {
  return a != 0 ? a : b;
}

// A graph that looks like an encoder is served as one unless its config uses it as a plain graph,
// or for sequences.
bool is_encoder(const Loading& loading) {
  if (loading.config.sequence_batching) return false;
  if (!loading.engine.info.can_encode || !loading.engine.info.can_run) {
    return loading.engine.info.can_encode;
  }
  constexpr std::array<std::string_view, 5> kInputs = {kInputIds, kAttentionMask, kTokenTypeIds,
                                                       kPositionIds, kTextInput};
  const auto is_plain = [](const ModelTensor& t) { return !t.reshape.has_value(); };
  const auto is_known = [&](const ModelTensor& t) {
    return is_plain(t) && std::ranges::find(kInputs, t.name) != kInputs.end();
  };
  return std::ranges::all_of(loading.config.inputs, is_known) &&
         std::ranges::all_of(loading.config.outputs, is_plain);
}

Result<> load_tokenizer(Loading& loading) {
  if (loading.files.tokenizer_json.empty()) {
    log_info("model '{}' has no tokenizer.json: it takes input_ids, but no text",
             loading.source.name);
    return {};
  }
  NESO_TRY(loading.tokenizer, Tokenizer::load(loading.files.tokenizer_json));
  const size_t embeddings = loading.limits.vocabulary;
  if (embeddings != 0 && loading.tokenizer->vocabulary_size() > embeddings) {
    return invalid_argument(
        "tokenizer.json has ids up to {}, but the model has embeddings for {} ids only; the two do "
        "not "
        "belong together",
        loading.tokenizer->vocabulary_size() - 1, embeddings);
  }
  if (loading.files.checkpoint && loading.files.checkpoint->lowercase) {
    NESO_TRY_VOID(check_lowercase_is_the_tokenizers(*loading.tokenizer));
  }
  return {};
}

// What the encoder's engine and folder say together.
Result<> measure_encoder(Loading& loading) {
  const EngineInfo& info = loading.engine.info;
  const Checkpoint* checkpoint = loading.files.checkpoint ? &*loading.files.checkpoint : nullptr;
  const Architecture none;
  const Architecture& said = checkpoint != nullptr ? checkpoint->architecture : none;
  loading.limits.vocabulary = known(info.vocabulary, said.vocabulary);
  loading.limits.type_vocabulary = known(info.type_vocabulary, said.type_vocabulary);
  loading.limits.max_positions = known(info.max_positions, said.max_positions);
  loading.max_tokens =
      known(checkpoint != nullptr ? checkpoint->max_tokens : 0, loading.limits.max_positions);
  if (loading.limits.max_positions != 0) {
    loading.max_tokens = std::min(loading.max_tokens, loading.limits.max_positions);
  }
  if (checkpoint != nullptr) loading.pooling = checkpoint->pooling;
  loading.pooled_width = loading.pooling.width(info.hidden);
  loading.width = loading.pooled_width;
  if (checkpoint != nullptr && checkpoint->truncate_dim) {
    loading.width = std::min(loading.width, *checkpoint->truncate_dim);
  }
  return load_tokenizer(loading);
}

// What auto-completion may fill in for a graph.
void describe_graph(const EngineInfo& info, ModelFacts& facts) {
  const auto batches = [](const TensorSpec& s) {
    return !s.shape.empty() && s.shape.front() == -1;
  };
  facts.supports_batching = !info.inputs.empty() && std::ranges::all_of(info.inputs, batches) &&
                            std::ranges::all_of(info.outputs, batches);
  const auto describe = [&](const TensorSpec& spec) {
    const auto skipped = spec.shape.begin() + (facts.supports_batching ? 1 : 0);
    return tensor(spec.name, spec.dtype, Shape(skipped, spec.shape.end()));
  };
  for (const TensorSpec& input : info.inputs) facts.inputs.push_back(describe(input));
  for (const TensorSpec& output : info.outputs) facts.outputs.push_back(describe(output));
}

Result<> complete_config(Loading& loading) {
  ModelFacts facts;
  facts.backend = loading.engine.kind == EngineKind::Onnx ? "onnxruntime" : "neso";
  facts.platform = loading.engine.kind == EngineKind::Onnx ? "onnxruntime_onnx" : "neso";
  if (loading.engine.info.can_run) {
    describe_graph(loading.engine.info, facts);
    facts.default_max_batch_size = loading.options.default_max_batch_size;
    facts.default_instance_count = 2;  // Triton's for ONNX Runtime on the CPU
    facts.gpus = loading.engine.gpus;
  } else {
    facts.inputs = {tensor(kInputIds, DType::Int64, {-1}),
                    tensor(kAttentionMask, DType::Int64, {-1})};
    if (loading.limits.type_vocabulary > 1) {
      facts.inputs.push_back(tensor(kTokenTypeIds, DType::Int64, {-1}));
    }
    for (ModelTensor& input : facts.inputs) input.optional = input.name != kInputIds;
    facts.outputs = {tensor(kVectorOutput, DType::Fp32, {static_cast<int64_t>(loading.width)})};
    facts.supports_batching = true;
    facts.default_max_batch_size = kOwnMaxBatchSize;
  }
  NESO_TRY(loading.config,
           complete_model_config(loading.config, facts, loading.options.auto_complete_config));
  return {};
}

// Only texts are packed; a graph that wants its requests end to end would get something else.
Result<> check_no_ragged_input(const ModelConfig& config) {
  for (const ModelTensor& input : config.inputs) {
    if (!input.allow_ragged_batch) continue;
    return unsupported(
        "input '{}' of model '{}' sets allow_ragged_batch, which only a text encoder has an effect "
        "of here; other graphs run with inputs of one shape. Remove it from the config",
        input.name, config.name);
  }
  return {};
}

Result<EncoderModel> make_encoder_model(const Loading& loading) {
  const EngineInfo& info = loading.engine.info;
  EncoderModel model;
  const EncoderFolder folder{.tokenizer = loading.tokenizer != nullptr,
                             .architecture = loading.files.checkpoint.has_value()};
  NESO_TRY(model.signature,
           make_encoder_signature(loading.config, info,
                                  {.width = loading.width, .hidden = info.hidden}, folder));
  model.limits = loading.limits;
  model.pooled_width = loading.pooled_width;
  model.width = loading.width;
  model.finish.dimensions = loading.width;
  model.hidden = info.hidden;
  model.graph_joins_requests =
      loading.config.max_batch_size > 0 && loading.config.dynamic_batching.has_value();
  TextSettings settings{.model = loading.source.name, .max_tokens = loading.max_tokens};
  if (const auto& checkpoint = loading.files.checkpoint) {
    model.pad_token_id = checkpoint->pad_token_id;
    model.finish.normalize = checkpoint->normalize;
    model.finish.norm_before_cut = checkpoint->norm_before_cut;
    settings.prompts = checkpoint->prompts;
    settings.default_prompt_name = checkpoint->default_prompt_name;
  }
  if (loading.tokenizer) model.text.emplace(loading.tokenizer, std::move(settings));
  return model;
}

// Our engine encodes instead of ONNX Runtime where that is proven to be the same.
Result<> choose_encoder(Loading& loading, NativeEncoding native, const EncoderModel& model) {
  if (native == NativeEncoding::No) return {};
  const bool keeps_graph =
      std::ranges::count(model.signature.outputs, OutputSource::Graph, &EncoderOutput::source) > 0;
  NESO_TRY(const auto precision, engine_precision(loading.config, loading.options.engine));
  const NativeTerms terms = {.required = native == NativeEncoding::Required,
                             .keeps_graph = keeps_graph,
                             .vocabulary = loading.limits.vocabulary,
                             .types = loading.limits.type_vocabulary,
                             .max_tokens = loading.max_tokens,
                             .precision = precision,
                             .isa = loading.options.engine.isa};
  return encode_natively(loading.source, loading.files, terms, loading.engine);
}

// What the version makes of requests, and with which engine.
Result<ModelKind> make_kind(Loading& loading, NativeEncoding native) {
  if (is_encoder(loading)) {
    NESO_TRY(EncoderModel model, make_encoder_model(loading));
    // Who has a GPU and wants it is not served better by the CPU.
    if (loading.engine.gpus.empty()) NESO_TRY_VOID(choose_encoder(loading, native, model));
    return ModelKind(std::move(model));
  }
  if (native == NativeEncoding::Required) {
    return invalid_argument(
        "model '{}' asks for engine 'cpu', but its config or its graph is not that of a text "
        "encoder (inputs input_ids, attention_mask, token_type_ids); remove the parameter",
        loading.source.name);
  }
  if (loading.config.sequence_batching) {
    NESO_TRY(loading.sequence_tensors, SequenceTensors::make(loading.config, loading.engine.info,
                                                             loading.source.model_folder));
  }
  NESO_TRY_VOID(check_no_ragged_input(loading.config));
  NESO_TRY_VOID(check_against_graph(loading.config, loading.engine.info));
  return ModelKind(make_tensor_model(loading.config));
}

void tell_of_gpus(const Loading& loading) {
  if (!loading.engine.gpu_warning.empty()) {
    log_warning("{}", loading.engine.gpu_warning);
  } else if (loading.engine.gpus.empty() && !loading.config.gpu_settings.empty()) {
    log_warning("model '{}': its config sets {}, which has no effect on the CPU",
                loading.source.name, fmt::join(loading.config.gpu_settings, ", "));
  }
}

void tell_warnings(const Loading& loading) {
  if (!loading.files.checkpoint) return;
  for (const std::string& warning : loading.files.checkpoint->warnings) {
    log_warning("model '{}' version {}: {}", loading.source.name, loading.source.version, warning);
  }
}

std::string summary(const Loading& loading, bool encoder) {
  const EngineInfo& info = loading.engine.info;
  if (!encoder) {
    return fmt::format("{}, {} inputs, {} outputs", info.name, loading.config.inputs.size(),
                       loading.config.outputs.size());
  }
  return fmt::format("{}, {}, {} dimensions, {}", info.name, to_string(info.precision),
                     loading.width,
                     loading.max_tokens != 0 ? fmt::format("max {} tokens", loading.max_tokens)
                                             : std::string("no token limit"));
}

// Its threads start when the engine is opened.
Result<> bind_to_first_instance(Loading& loading, EngineKind kind) {
  const InstanceGroup unnamed;
  const auto& groups = loading.config.instance_groups;
  const InstancePlace first{groups.empty() ? &unnamed : &groups.front(), std::nullopt};
  NESO_TRY(const auto cores,
           instance_cores(std::span(&first, 1), loading.options.engine.host_policies,
                          {.usable = loading.thread.before()}));
  if (cores.empty()) return {};
  if (kind == EngineKind::Onnx) {
    // The first call starts a thread for all models.
    NESO_TRY_VOID(open_onnx_runtime(loading.options.engine.onnx_runtime_library));
  }
  return loading.thread.bind(cores.front());
}

// loading: with the config as written.
Result<std::unique_ptr<Model>> load(Loading& loading, MetricRegistry& metrics, const Clock& clock) {
  const int64_t start_ns = clock.now_ns();
  const ModelSource& source = loading.source;
  const LoadOptions& options = loading.options;
  const ModelConfig written = loading.config;
  loading.memory = MemoryShare(options.memory, MemoryUse::Model);
  NESO_TRY(loading.files, find_model_files(source, written));
  tell_warnings(loading);
  NESO_TRY(const EngineChoice choice, choose_engine(written, loading.files.candidates));
  loading.instances_declared = !written.instance_groups.empty();
  NESO_TRY_VOID(reserve(
      loading, {.own = choice.kind == EngineKind::Cpu || choice.native != NativeEncoding::No,
                .graph = choice.kind == EngineKind::Onnx}));
  tell_unknown_policies(written, options.engine.host_policies);
  NESO_TRY_VOID(bind_to_first_instance(loading, choice.kind));
  NESO_TRY(loading.engine, open_engine(loading.files, choice.kind, written, options.engine));
  tell_of_gpus(loading);
  log_info("model '{}' version {} runs on the {} engine{}: {}", source.name, source.version,
           loading.engine.info.name,
           loading.engine.gpus.empty() ? "" : ", on " + loading.engine.info.device, choice.reason);
  if (written.sequence_batching && !loading.engine.info.can_run) {
    return invalid_argument(
        "model '{}' sets sequence_batching, which needs a graph (model.onnx) that takes its "
        "control "
        "and state tensors; our engine encodes texts, each for itself. Remove it from the config",
        source.name);
  }
  if (loading.engine.info.can_encode) NESO_TRY_VOID(measure_encoder(loading));
  NESO_TRY_VOID(complete_config(loading));

  ModelParts parts{.name = source.name, .version = source.version};
  NESO_TRY(parts.kind, make_kind(loading, choice.native));
  if (const OpenedEngine& engine = loading.engine; !engine.precision_reason.empty()) {
    log_info("model '{}' version {} computes in {}: {}", source.name, source.version,
             to_string(engine.info.precision), engine.precision_reason);
  }
  NESO_TRY(parts.labels, read_labels(loading.config, source.model_folder));
  parts.recorder = std::make_shared<StatisticsRecorder>(
      source.name, source.version, metric_options(loading.config), metrics, clock);
  NESO_TRY(parts.scheduler, start_scheduler(loading, parts, metrics));
  if (loading.sequence_tensors) {
    const size_t engines = engine_places(loading.config, loading.engine).size();
    NESO_TRY(parts.sequences,
             SequenceScheduler::start(*std::move(loading.sequence_tensors),
                                      sequence_limits(*loading.config.sequence_batching, engines),
                                      std::move(parts.scheduler), parts.recorder,
                                      loading.config.sequence_batching->preserve_ordering
                                          ? std::make_shared<AnswerOrder>()
                                          : nullptr));
  }
  parts.responses = make_responses(loading, metrics, clock);
  parts.recorder->set_load_seconds(static_cast<double>(clock.now_ns() - start_ns) / 1e9);
  parts.engine = loading.engine.info;
  parts.references = std::move(loading.references);
  // The guide greps for this capital S; Triton's own line has a small one.
  log_info("Successfully loaded '{}' version {}: {}", source.name, source.version,
           summary(loading, std::holds_alternative<EncoderModel>(parts.kind)));
  parts.config = std::move(loading.config);
  parts.memory = std::move(loading.memory);
  return std::make_unique<Model>(std::move(parts));
}

// Where nobody chose the precision, the folder's reference vectors have the last word on it.
Result<std::unique_ptr<Model>> load_faithfully(const ModelSource& source,
                                               const ModelConfig& written,
                                               const LoadOptions& options, MetricRegistry& metrics,
                                               const Clock& clock) {
  {
    Loading loading{.source = source, .options = options, .config = written};
    auto model = load(loading, metrics, clock);
    if (model || !loading.reduced_in_vain) return model;
    log_info("model '{}' version {} is loaded again, in fp32: {}", source.name, source.version,
             model.error().message);
  }
  LoadOptions exact = options;
  exact.engine.precision = Precision::Fp32;
  Loading loading{.source = source, .options = exact, .config = written};
  return load(loading, metrics, clock);
}

}  // namespace

Result<std::unique_ptr<Model>> load_model(const ModelSource& source, const ModelConfig& written,
                                          const LoadOptions& options, MetricRegistry& metrics,
                                          const Clock& clock) {
  try {
    return load_faithfully(source, written, options, metrics, clock);
  } catch (const std::bad_alloc&) {
    return overloaded(
        "loading failed: the system has no memory left for it; serve fewer or smaller models, or "
        "give the server more memory");
  } catch (const std::exception& e) {  // an engine's
    return internal_error("loading failed: {}", e.what());
  }
}

}  // namespace neso
