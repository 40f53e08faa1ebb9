// SPDX-License-Identifier: Apache-2.0
#include "model/loading/native_engine.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "model/loading/engine_choice.h"
#include "model/loading/probe_agreement.h"
#include "model/token_rows.h"

namespace neso {
namespace {

bool takes_types(const EngineInfo& graph) {
  return std::ranges::count(graph.inputs, std::string_view(kTokenTypeIds), &TensorSpec::name) > 0;
}

class NativeEngine final : public Engine {
 public:
  // `graph` is null when nobody asks for its outputs; `info` is what it says of itself.
  NativeEngine(std::unique_ptr<Engine> own, std::unique_ptr<Engine> graph, const EngineInfo& info)
      : own_(std::move(own)),
        graph_(std::move(graph)),
        info_(info),
        takes_types_(takes_types(info)) {
    info_.name = own_->info().name;
    info_.precision = own_->info().precision;
  }

  const EngineInfo& info() const override { return info_; }

  Result<> encode(const TokenBatch& batch, const PoolingSpec& pooling,
                  std::span<float> out) override {
    return takes_types_ ? own_->encode(batch, pooling, out)
                        : own_->encode(without_types(batch), pooling, out);
  }

  Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) override {
    return takes_types_ ? own_->encode_tokens(batch, out)
                        : own_->encode_tokens(without_types(batch), out);
  }

  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                       std::span<const std::string> outputs) override {
    if (graph_ == nullptr) {
      return internal_error("the graph was not kept, since its outputs cannot be asked for");
    }
    return graph_->run(inputs, outputs);
  }

 private:
  // A graph that takes no types sees type 0, whatever a request says.
  static TokenBatch without_types(TokenBatch batch) {
    std::ranges::fill(batch.type_ids, 0);
    return batch;
  }

  std::unique_ptr<Engine> own_;
  std::unique_ptr<Engine> graph_;
  EngineInfo info_;
  const bool takes_types_;
};

using Make = decltype(OpenedEngine::make);

// Hands out `first`, then what `make` makes.
Make with_first(std::unique_ptr<Engine> first, Make make) {
  const auto kept = std::make_shared<std::unique_ptr<Engine>>(std::move(first));
  return
      [kept, make = std::move(make)](const EngineShare& share) -> Result<std::unique_ptr<Engine>> {
        if (*kept) return std::move(*kept);
        return make(share);
      };
}

// How well the two agree. On an error `engine` is as good as before.
Result<double> take_over(const ModelFiles& files, const NativeTerms& terms, OpenedEngine& engine) {
  NESO_TRY(OpenedEngine own, open_own_engine(files, Precision::Fp32, terms.isa));
  NESO_TRY(auto probed, own.make({}));
  NESO_TRY(auto graph, engine.make({}));
  Result<double> agreement = probe_agreement(*graph, *probed,
                                             {.vocabulary = terms.vocabulary,
                                              .types = takes_types(engine.info) ? terms.types : 1,
                                              .max_tokens = terms.max_tokens});
  probed.reset();
  engine.make = with_first(std::move(graph), std::move(engine.make));
  if (!agreement) return agreement;
  if (*agreement < kProbeAgreement) {
    return unsupported(
        "with the graph's weights it computes something else: on {} probes the agreement is "
        "{:.6f}, less than {}",
        kProbes, *agreement, kProbeAgreement);
  }
  if (terms.precision != Precision::Fp32) {
    own = {};
    NESO_TRY(own, open_own_engine(files, terms.precision, terms.isa));
  }
  Make graph_make = terms.keeps_graph ? std::move(engine.make) : Make();
  engine.make = [own_make = std::move(own.make), graph_make = std::move(graph_make),
                 info = engine.info](const EngineShare& share) -> Result<std::unique_ptr<Engine>> {
    NESO_TRY(auto encoder, own_make(share));
    std::unique_ptr<Engine> kept;
    if (graph_make) {
      NESO_TRY(kept, graph_make(share));
    }
    return std::unique_ptr<Engine>(
        std::make_unique<NativeEngine>(std::move(encoder), std::move(kept), info));
  };
  engine.info.name = own.info.name;
  engine.info.precision = own.info.precision;
  engine.precision_reason = own.precision_reason;
  engine.own = true;
  engine.graph = terms.keeps_graph;
  return agreement;
}

}  // namespace

Result<> encode_natively(const ModelSource& source, const ModelFiles& files,
                         const NativeTerms& terms, OpenedEngine& engine) {
  const std::string& file = files.candidates.onnx_file;
  const Result<double> agreement = take_over(files, terms, engine);
  if (agreement) {
    log_info(
        "model '{}' version {}: served by neso's CPU engine: weights of {}, agreement {:.7f} on {} "
        "probes{}",
        source.name, source.version, file, *agreement, kProbes,
        terms.keeps_graph ? "; ONNX Runtime answers the graph's own outputs" : "");
    return {};
  }
  if (terms.required) {
    return agreement.error().with_context(
        fmt::format("the config asks for engine 'cpu', which cannot run '{}'", file));
  }
  log_info("model '{}' version {}: served by ONNX Runtime, not by neso's CPU engine: {}",
           source.name, source.version, agreement.error().message);
  return {};
}

}  // namespace neso
