// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_exam.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <span>
#include <utility>

#include "app/bench_case.h"
#include "app/bench_run.h"
#include "app/doctor_facts.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "engine/cpu/cores.h"
#include "engine/cpu/machine_peak.h"
#include "serving/model.h"
#include "serving/model_loader.h"
#include "serving/model_memory.h"
#include "serving/probe_texts.h"
#include "simd/cpu.h"

namespace neso {
namespace {

constexpr Precision kPrecisions[] = {Precision::Fp32, Precision::Bf16, Precision::Int8};
constexpr size_t kLongTokens = 128;
constexpr size_t kShortTokens = 8;

class Exam {
 public:
  Exam(const ModelSource& source, const ExamOptions& options) : source_(source), options_(options) {
    report_.model = source.name;
  }

  DoctorReport run() {
    if (auto done = all(); !done) report_.problems.push_back(done.error().message);
    return std::move(report_);
  }

 private:
  Result<> all() {
    NESO_TRY(config_, load_model_config(source_.model_folder / "config.pbtxt", source_.name));
    auto files = find_model_files(source_, config_);
    if (!files) return cannot_be_loaded(files.error());
    files_ = *std::move(files);
    if (files_.checkpoint) report_.warnings = files_.checkpoint->warnings;
    NESO_TRY(report_.sections, file_facts(source_, files_));
    NESO_TRY(isa_, choose_isa(options_.engine.isa));
    NESO_TRY(const auto model, try_precision(Precision::Fp32));
    if (model->engine().name != "cpu") {
      explain_onnx(*model);
    } else {
      for (const Precision precision : std::span(kPrecisions).subspan(1)) {
        if (auto tried = try_precision(precision); !tried) {
          report_.problems.push_back(
              fmt::format("{}: {}", to_string(precision), tried.error().message));
        }
      }
      warn_of_distance();
    }
    return measure();
  }

  static Error cannot_be_loaded(const Error& error) {
    return error.with_context("the model cannot be loaded");
  }

  // Loads the model and tries it; what can be said of it becomes a row.
  Result<std::shared_ptr<Model>> try_precision(Precision precision) {
    MetricRegistry& metrics = *metrics_.emplace_back(std::make_unique<MetricRegistry>());
    ModelConfig config = config_;
    config.parameters["precision"] = to_string(precision);
    LoadOptions options{.engine = options_.engine, .refuse_reference_mismatch = false};
    auto model = load_model(source_, config, options, metrics, system_clock());
    if (!model) return cannot_be_loaded(model.error());
    PrecisionRow row = empty_row((*model)->engine(), precision);
    row.references = (*model)->references();
    if (row.references) {
      if (auto agrees = check_agreement(*row.references); !agrees)
        row.problem = agrees.error().message;
    }
    if ((*model)->embedding_width()) {
      if (auto compared = compare_with_fp32(**model, row); !compared)
        row.problem = compared.error().message;
    }
    (*model)->stop();
    if (!row.problem.empty())
      report_.problems.push_back(fmt::format("{}: {}", name_of(row), row.problem));
    report_.rows.push_back(std::move(row));
    return model;
  }

  // ONNX Runtime knows no precision but the graph's.
  static PrecisionRow empty_row(const EngineInfo& engine, Precision precision) {
    const bool own = engine.name == "cpu";
    return {.engine = engine.name,
            .precision = own ? std::string(to_string(precision)) : "as exported"};
  }

  Result<> compare_with_fp32(Model& model, PrecisionRow& row) {
    NESO_TRY(auto vectors, embed_probes(model));
    const size_t width = *model.embedding_width();
    if (exact_.empty()) {
      exact_ = std::move(vectors);
      report_.probes = exact_.size() / width;
      return {};
    }
    row.to_fp32 = compare_rows(exact_, vectors, width);
    row.neighbours_kept = neighbours_kept(exact_, vectors, width);
    return {};
  }

  // [texts, width]; a text that the model has no token for is left out.
  static Result<std::vector<float>> embed_probes(Model& model) {
    EmbedRequest request;
    for (const std::string_view text : probe_texts()) request.texts.emplace_back(text);
    std::promise<Result<EmbedResponse>> promise;
    model.embed(std::move(request), Completion<EmbedResponse>([&](Result<EmbedResponse> response) {
                  promise.set_value(std::move(response));
                }));
    NESO_TRY(const EmbedResponse response, promise.get_future().get());
    std::vector<float> vectors;
    for (size_t i = 0; i < response.items.size(); ++i) {
      const Result<Embedding>& item = response.items[i];
      if (!item && item.error().code == ErrorCode::InvalidArgument) continue;
      if (!item) return item.error().with_context(fmt::format("probe text {}", i));
      vectors.insert(vectors.end(), item->values.begin(), item->values.end());
    }
    if (vectors.empty()) return internal_error("none of the probe texts gives a vector");
    return vectors;
  }

  // Why our engine does not encode.
  void explain_onnx(const Model& model) {
    const auto choice = choose_engine(config_, files_.candidates);
    std::string reason = choice ? choice->reason : choice.error().message;
    if (choice && choice->native == NativeEncoding::IfItAgrees) {
      ModelConfig config = config_;
      config.parameters["engine"] = "cpu";
      MetricRegistry metrics;
      const auto forced =
          load_model(source_, config, {.engine = options_.engine}, metrics, system_clock());
      if (!forced) reason = forced.error().message;
    }
    report_.warnings.push_back(fmt::format("only ONNX Runtime can run this model: {}", reason));
    if (!model.embedding_width()) {
      report_.warnings.emplace_back(
          "it takes no texts (no tokenizer.json, or no text encoder), so nothing was compared");
    }
  }

  // Far from fp32 is no fault of the folder, but nobody should serve it unawares.
  void warn_of_distance() {
    for (const PrecisionRow& row : report_.rows) {
      if (!row.to_fp32) continue;
      const double usual = reference_bound(*parse_precision(row.precision), true);
      if (row.to_fp32->least >= usual) continue;
      report_.warnings.push_back(fmt::format(
          "{} is further from fp32 than usual for this engine (least cosine {:.4f}, usually {} or "
          "more): compare your search results before serving it",
          row.precision, row.to_fp32->least, usual));
    }
  }

  Result<> measure() {
    const bool own = report_.rows.front().engine == "cpu";
    std::vector<BenchEngine> engines;
    for (const PrecisionRow& row : report_.rows) {
      NESO_TRY(OpenedEngine opened, open(row));
      NESO_TRY(auto engine, opened.make(1));
      if (!engine->info().can_encode) return {};
      engines.push_back({row.engine, row.precision, std::move(engine)});
    }
    NESO_TRY(MachinePeak peak, measure_peak(isa_, usable_cores(), system_clock()));
    const BenchLimits limits = bench_limits(engines.front().engine->info());
    report_.long_tokens = std::min(kLongTokens, limits.max_tokens);
    report_.short_tokens = std::min(kShortTokens, limits.max_tokens);
    NESO_TRY(BenchCase batch, make_bench_case(fmt::format("len{}", report_.long_tokens), limits));
    NESO_TRY(BenchCase single,
             make_bench_case(fmt::format("single{}", report_.short_tokens), limits));
    batch.batches.resize(1);  // a large model takes seconds for each
    single.batches.resize(std::min<size_t>(single.batches.size(), 16));
    const BenchOptions timing{.seconds = options_.seconds, .min_rounds = 2};
    NESO_TRY(const auto speeds, run_bench_case(batch, engines, timing, system_clock()));
    NESO_TRY(const auto delays, run_bench_case(single, engines, timing, system_clock()));
    // Shared machines change their speed: the higher peak of before and after is the roof.
    NESO_TRY(const MachinePeak after, measure_peak(isa_, usable_cores(), system_clock()));
    peak = higher(peak, after);
    for (size_t i = 0; i < report_.rows.size(); ++i) {
      PrecisionRow& row = report_.rows[i];
      row.tokens_per_s = speeds[i].tokens_per_s;
      row.short_text_ms = delays[i].ms_p50;
      if (!own) continue;
      const Precision precision = *parse_precision(row.precision);
      row.roof_share =
          roof_seconds(peak, files_.checkpoint->architecture, precision, batch.batches.front()) /
          speeds[i].median_round_s;
      row.weights_bytes = estimate_memory(files_, {.own = true, .precision = precision}).weights;
    }
    add_machine(peak);
    return {};
  }

  Result<OpenedEngine> open(const PrecisionRow& row) const {
    if (row.engine != "cpu") return open_engine(files_, EngineKind::Onnx, config_, options_.engine);
    NESO_TRY(const Precision precision, parse_precision(row.precision));
    return open_own_engine(files_, precision, options_.engine.isa);
  }

  // Of a graph that does not say what it takes: what every model does.
  BenchLimits bench_limits(const EngineInfo& info) const {
    BenchLimits limits{info.vocabulary, info.max_positions};
    if (const auto& checkpoint = files_.checkpoint) {
      if (limits.vocabulary == 0) limits.vocabulary = checkpoint->architecture.vocabulary;
      limits.max_tokens = limits.max_tokens == 0
                              ? checkpoint->max_tokens
                              : std::min(limits.max_tokens, checkpoint->max_tokens);
    }
    return {std::max<size_t>(limits.vocabulary, 1),
            limits.max_tokens == 0 ? kLongTokens : limits.max_tokens};
  }

  void add_machine(const MachinePeak& peak) {
    const auto giga = [](double rate) { return static_cast<uint64_t>(rate * 1e-9 + 0.5); };
    report_.sections.push_back({"machine",
                                {{"isa", std::string(to_string(isa_))},
                                 {"threads", uint64_t{usable_cores()}},
                                 {"fp32_gflops", giga(peak.fp32_flops), "measured now, at best"},
                                 {"bf16_gflops", giga(peak.bf16_flops)},
                                 {"int8_gops", giga(peak.int8_ops)}}});
  }

  const ModelSource& source_;
  const ExamOptions& options_;
  ModelConfig config_;
  ModelFiles files_;
  Isa isa_ = Isa::Generic;
  std::vector<std::unique_ptr<MetricRegistry>> metrics_;  // of the models, which they outlive
  std::vector<float> exact_;                              // the probes' vectors in fp32
  DoctorReport report_;
};

}  // namespace

DoctorReport examine(const ModelSource& source, const ExamOptions& options) {
  return Exam(source, options).run();
}

}  // namespace neso
