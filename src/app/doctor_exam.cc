// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_exam.h"

#include <fmt/format.h>

#include <future>
#include <memory>
#include <span>
#include <utility>

#include "app/doctor_facts.h"
#include "app/doctor_timing.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "model/loading/engine_loader.h"
#include "model/loading/model_loader.h"
#include "model/loading/probe_texts.h"
#include "model/loading/self_check.h"
#include "model/model.h"

namespace neso {
namespace {

constexpr Precision kPrecisions[] = {Precision::Fp32, Precision::Bf16, Precision::Int8};

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
    NESO_TRY_VOID(try_precision(Precision::Fp32));
    if (report_.rows.front().engine != "cpu") {
      explain_onnx();
    } else {
      for (const Precision precision : std::span(kPrecisions).subspan(1)) {
        if (auto tried = try_precision(precision); !tried) {
          report_.problems.push_back(
              fmt::format("{}: {}", to_string(precision), tried.error().message));
        }
      }
      warn_of_distance();
      NESO_TRY_VOID(tell_default());
    }
    if (report_.probes == 0 && report_.well()) {
      report_.warnings.emplace_back(
          "it takes no texts (no tokenizer.json, or no text encoder), so nothing was compared");
    }
    return time_engines(files_, config_, options_, report_);
  }

  static Error cannot_be_loaded(const Error& error) {
    return error.with_context("the model cannot be loaded");
  }

  // Loads the model and tries it; what can be said of it becomes a row.
  Result<> try_precision(Precision precision) {
    MetricRegistry metrics;
    ModelConfig config = config_;
    config.parameters["precision"] = to_string(precision);
    const LoadOptions options{.engine = options_.engine, .refuse_reference_mismatch = false};
    const auto model = load_model(source_, config, options, metrics, system_clock());
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
    return {};
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
  void explain_onnx() {
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
  }

  Result<> tell_default() {
    NESO_TRY(const OpenedEngine opened, open_own_engine(files_, {}, options_.engine.isa));
    report_.default_precision = to_string(opened.info.precision);
    report_.default_reason = opened.precision_reason;
    return {};
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

  const ModelSource& source_;
  const ExamOptions& options_;
  ModelConfig config_;
  ModelFiles files_;
  std::vector<float> exact_;  // the probes' vectors in fp32
  DoctorReport report_;
};

}  // namespace

DoctorReport examine(const ModelSource& source, const ExamOptions& options) {
  return Exam(source, options).run();
}

}  // namespace neso
