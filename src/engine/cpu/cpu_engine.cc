// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/cpu_engine.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/cores.h"
#include "base/error.h"
#include "engine/cpu/batch_plan.h"
#include "engine/cpu/cpu_weights.h"
#include "engine/cpu/encoder_pass.h"
#include "engine/cpu/profile.h"
#include "engine/cpu/worker_team.h"
#include "engine/cpu/workspace.h"
#include "engine/pooling.h"
#include "simd/cpu.h"
#include "simd/flush_denormals.h"

namespace neso {
namespace {

// Where the states of a finished chunk go.
struct Output {
  const PoolingSpec* pooling = nullptr;  // null: token states
  std::span<float> values;
};

// A vector that is one token's state needs no other one.
Wanted wanted_by(const Output& output) {
  if (output.pooling == nullptr || output.pooling->modes.size() != 1) return Wanted::All;
  switch (output.pooling->modes.front()) {
    case PoolingMode::Cls:
      return Wanted::First;
    case PoolingMode::LastToken:
      return Wanted::Last;
    default:
      return Wanted::All;
  }
}

class CpuEngine final : public Engine {
 public:
  CpuEngine(std::shared_ptr<const CpuWeights> weights, std::unique_ptr<WorkerTeam> team,
            Profile* profile)
      : weights_(std::move(weights)),
        team_(std::move(team)),
        profile_(profile),
        workspaces_(team_->members()) {
    const Architecture& a = weights_->architecture;
    info_.name = "cpu";
    info_.device = "CPU";
    info_.precision = weights_->precision;
    info_.can_encode = true;
    info_.kernels = to_string(weights_->kernels->isa);
    info_.hidden = a.hidden;
    info_.vocabulary = a.vocabulary;
    info_.max_positions = a.max_positions;
    info_.type_vocabulary = a.type_vocabulary;
  }

  const EngineInfo& info() const override { return info_; }

  Result<> encode(const TokenBatch& batch, const PoolingSpec& pooling,
                  std::span<float> out) override {
    NESO_CHECK(out.size() == batch.size() * pooling.width(info_.hidden));
    return compute(batch, Output{&pooling, out});
  }

  Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) override {
    NESO_CHECK(out.size() == batch.tokens() * info_.hidden);
    return compute(batch, Output{nullptr, out});
  }

  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor>,
                                       std::span<const std::string>) override {
    return unsupported(
        "the CPU engine encodes token ids only; raw tensors need a model with an ONNX file");
  }

 private:
  Result<> compute(const TokenBatch& batch, const Output& output) {
    const BatchPlan plan = plan_batch(batch, weights_->architecture, team_->members());
    NESO_TRY_VOID(reserve(plan));
    const PassInput input(weights_->architecture, batch, wanted_by(output));
    // The caller's thread is not ours: its setting comes back afterwards.
    const ScopedFlushDenormals flush;
    if (plan.spread == Spread::Together) {
      Barrier barrier(plan.members);
      team_->run([&](size_t member) {
        if (member >= plan.members) return;
        compute_together(plan, input, output, PassMember{member, plan.members, &barrier, profile_});
      });
      return {};
    }
    std::atomic<size_t> next = 0;
    const auto take_chunks = [&](size_t member) {
      if (member >= plan.members) return;
      for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < plan.chunks.size();) {
        compute_alone(plan.chunks[i], input, output, workspaces_[member]);
      }
    };
    if (plan.spread == Spread::Alone) {
      take_chunks(0);
    } else {
      team_->run(take_chunks);
    }
    return {};
  }

  // Before any thread starts, so that none can fail in the middle. Pages are touched by the member
  // that uses them.
  Result<> reserve(const BatchPlan& plan) {
    WorkspaceSize size;
    for (const Chunk& chunk : plan.chunks) {
      size.rows = std::max(size.rows, chunk.rows());
      size.longest = std::max(size.longest, chunk.longest());
    }
    // Members that share a chunk need little of their own (encoder_pass.h).
    WorkspaceSize own = size;
    if (plan.spread == Spread::Together) {
      own.rows = std::min(size.rows, std::max(kRowBlock, kRowsPerColumnSplit * plan.members));
    }
    NESO_TRY_VOID(workspaces_[0].reserve(*weights_, size));
    for (size_t member = 1; member < plan.members; ++member) {
      NESO_TRY_VOID(workspaces_[member].reserve(*weights_, own));
    }
    return {};
  }

  void compute_alone(const Chunk& chunk, const PassInput& input, const Output& output,
                     Workspace& workspace) {
    EncoderPass pass(*weights_, input, chunk, workspace, workspace,
                     PassMember{.profile = profile_});
    pass.run();
    Stopwatch stopwatch(profile_);
    for (size_t i = 0; i < chunk.sequences.size(); ++i) {
      publish(input.batch, chunk, i, pass, output);
    }
    stopwatch.lap(Operation::Pool);
  }

  void compute_together(const BatchPlan& plan, const PassInput& input, const Output& output,
                        const PassMember& member) {
    for (const Chunk& chunk : plan.chunks) {
      EncoderPass pass(*weights_, input, chunk, workspaces_[0], workspaces_[member.index], member);
      pass.run();
      Stopwatch stopwatch(profile_);
      for (size_t i = member.index; i < chunk.sequences.size(); i += member.count) {
        publish(input.batch, chunk, i, pass, output);
      }
      stopwatch.lap(Operation::Pool);
      // The next chunk overwrites the states.
      member.barrier->arrive_and_wait();
      stopwatch.lap(Operation::Wait);
    }
  }

  // Sequence i of the chunk, whose rows it may move.
  void publish(const TokenBatch& batch, const Chunk& chunk, size_t i, const EncoderPass& pass,
               const Output& output) const {
    const size_t hidden = info_.hidden;
    const size_t ld = padded(hidden);
    const auto [begin, end] = pass.rows_of(i);
    const size_t tokens = end - begin;
    const size_t sequence = chunk.sequences[i];
    float* rows = pass.states() + begin * ld;
    if (ld != hidden) {
      for (size_t r = 1; r < tokens; ++r) {
        std::memmove(rows + r * hidden, rows + r * ld, hidden * sizeof(float));
      }
    }
    const std::span<const float> packed(rows, tokens * hidden);
    if (output.pooling == nullptr) {
      const auto first = static_cast<size_t>(batch.cu_seqlens[sequence]);
      std::ranges::copy(packed, output.values.begin() + static_cast<ptrdiff_t>(first * hidden));
      return;
    }
    const size_t width = output.pooling->width(hidden);
    pool_sequence(packed, hidden, *output.pooling, output.values.subspan(sequence * width, width));
  }

  std::shared_ptr<const CpuWeights> weights_;
  std::unique_ptr<WorkerTeam> team_;
  Profile* profile_;
  std::vector<Workspace> workspaces_;  // one per member
  EngineInfo info_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_cpu_engine(std::shared_ptr<const CpuWeights> weights,
                                                const CpuOptions& options) {
  NESO_TRY(auto team, WorkerTeam::create(options.threads == 0 ? usable_cores() : options.threads));
  return std::unique_ptr<Engine>(
      std::make_unique<CpuEngine>(std::move(weights), std::move(team), options.profile));
}

}  // namespace neso
