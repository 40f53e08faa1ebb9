// SPDX-License-Identifier: Apache-2.0
// An engine for tests of scheduling/ and serving/: its answers can be computed by hand, and it
// fails, blocks or lies when told to.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

namespace neso {

// What the engines of one test do; shared, so that a test can look and steer while they run.
struct TestEngineScript {
  // Ids that make their whole call throw or fail, or their own row NaN.
  static constexpr int32_t kThrow = 90;
  static constexpr int32_t kFail = 91;
  static constexpr int32_t kNan = 92;

  std::latch* entered = nullptr;  // counted down by every call
  std::latch* gate = nullptr;     // waited for by every call
  std::function<void()> during;   // called in every call
  std::mutex mutex;
  std::vector<size_t> batches;  // rows of each call, in order

  void enter(size_t rows) {
    {
      std::lock_guard lock(mutex);
      batches.push_back(rows);
    }
    if (entered != nullptr) entered->count_down();
    if (gate != nullptr) gate->wait();
    if (during) during();
  }
};

// encode: [sum of ids, tokens, sum of positions, sum of type ids]. encode_tokens: [id, position,
// type id, 1] a token. run: input `x` FP32 [n, ...] -> `y` = 2 x; a value of 91 fails the call.
class TestEngine final : public Engine {
 public:
  static constexpr size_t kHidden = 4;

  explicit TestEngine(std::shared_ptr<TestEngineScript> script) : script_(std::move(script)) {
    info_.name = "test";
    info_.device = "CPU";
    info_.can_encode = true;
    info_.hidden = kHidden;
    info_.vocabulary = 100;
    info_.max_positions = 8;
    info_.type_vocabulary = 2;
  }
  EngineInfo& mutable_info() { return info_; }
  const EngineInfo& info() const override { return info_; }

  Result<> encode(const TokenBatch& batch, const PoolingSpec&, std::span<float> out) override {
    script_->enter(batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto ids = batch.sequence(i);
      if (std::ranges::find(ids, TestEngineScript::kThrow) != ids.end())
        throw std::runtime_error("told to throw");
      if (std::ranges::find(ids, TestEngineScript::kFail) != ids.end())
        return invalid_argument("told to fail");
      const bool nan = std::ranges::find(ids, TestEngineScript::kNan) != ids.end();
      float* row = out.data() + i * kHidden;
      row[0] = nan ? std::numeric_limits<float>::quiet_NaN()
                   : static_cast<float>(std::reduce(ids.begin(), ids.end()));
      row[1] = static_cast<float>(ids.size());
      row[2] = 0;
      row[3] = 0;
      for (size_t t = 0; t < ids.size(); ++t) {
        row[2] += static_cast<float>(position(batch, i, t));
        row[3] += static_cast<float>(type(batch, i, t));
      }
    }
    return {};
  }

  Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) override {
    script_->enter(batch.size());
    float* state = out.data();
    for (size_t i = 0; i < batch.size(); ++i) {
      for (size_t t = 0; t < batch.length(i); ++t, state += kHidden) {
        state[0] = static_cast<float>(batch.sequence(i)[t]);
        state[1] = static_cast<float>(position(batch, i, t));
        state[2] = static_cast<float>(type(batch, i, t));
        state[3] = 1;
      }
    }
    return {};
  }

  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                       std::span<const std::string>) override {
    const auto found = std::ranges::find(inputs, "x", &NamedTensor::name);
    if (found == inputs.end()) return invalid_argument("no input 'x'");
    const Tensor& x = found->tensor;
    script_->enter(x.shape().empty() ? 1 : static_cast<size_t>(x.shape()[0]));
    std::vector<float> y(x.as<float>().begin(), x.as<float>().end());
    for (float& value : y) {
      if (value == static_cast<float>(TestEngineScript::kFail))
        return invalid_argument("told to fail");
      value *= 2;
    }
    return std::vector<NamedTensor>{{"y", Tensor::from<float>(DType::Fp32, x.shape(), y)}};
  }

 private:
  static int32_t position(const TokenBatch& batch, size_t sequence, size_t token) {
    if (batch.positions.empty()) return static_cast<int32_t>(token);
    return batch.positions[static_cast<size_t>(batch.cu_seqlens[sequence]) + token];
  }
  static int32_t type(const TokenBatch& batch, size_t sequence, size_t token) {
    if (batch.type_ids.empty()) return 0;
    return batch.type_ids[static_cast<size_t>(batch.cu_seqlens[sequence]) + token];
  }

  std::shared_ptr<TestEngineScript> script_;
  EngineInfo info_;
};

}  // namespace neso
