// SPDX-License-Identifier: Apache-2.0
#include "engine/finite_retry.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "engine/pooling.h"

namespace neso {
namespace {

class FiniteRetry final : public Engine {
 public:
  FiniteRetry(std::unique_ptr<Engine> reduced,
              std::function<Result<std::unique_ptr<Engine>>()> make_exact)
      : reduced_(std::move(reduced)), make_exact_(std::move(make_exact)) {}

  const EngineInfo& info() const override { return reduced_->info(); }

  Result<> encode(const TokenBatch& batch, const PoolingSpec& pooling,
                  std::span<float> out) override {
    NESO_TRY_VOID(reduced_->encode(batch, pooling, out));
    const size_t width = pooling.width(info().hidden);
    const auto place = [&](size_t i) { return out.subspan(i * width, width); };
    return retry(batch, place, [&](const TokenBatch& again, std::span<float> results) {
      return exact_->encode(again, pooling, results);
    });
  }

  Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) override {
    NESO_TRY_VOID(reduced_->encode_tokens(batch, out));
    const size_t width = info().hidden;
    const auto place = [&](size_t i) {
      const auto first = static_cast<size_t>(batch.cu_seqlens[i]);
      return out.subspan(first * width, batch.length(i) * width);
    };
    return retry(batch, place, [&](const TokenBatch& again, std::span<float> results) {
      return exact_->encode_tokens(again, results);
    });
  }

  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                       std::span<const std::string> outputs) override {
    return reduced_->run(inputs, outputs);
  }

 private:
  // place(i): where the result of sequence i is. encode(batch, out): by the exact engine, results
  // one after the other.
  template <class Place, class Encode>
  Result<> retry(const TokenBatch& batch, const Place& place, const Encode& encode) {
    std::vector<size_t> bad;
    TokenBatch again;
    size_t size = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (all_finite(place(i))) continue;
      bad.push_back(i);
      append_sequence(batch, i, again);
      size += place(i).size();
    }
    if (bad.empty() || !have_exact()) return {};
    std::vector<float> results(size);
    NESO_TRY_VOID(encode(again, std::span(results)));
    size_t from = 0;
    for (const size_t i : bad) {
      const std::span<float> to = place(i);
      std::copy_n(results.begin() + static_cast<ptrdiff_t>(from), to.size(), to.begin());
      from += to.size();
    }
    return {};
  }

  static void append_sequence(const TokenBatch& batch, size_t i, TokenBatch& to) {
    const auto first = static_cast<size_t>(batch.cu_seqlens[i]);
    const auto part = [&](const std::vector<int32_t>& values) {
      return values.empty() ? std::span<const int32_t>()
                            : std::span<const int32_t>(values).subspan(first, batch.length(i));
    };
    to.append(part(batch.ids), part(batch.type_ids), part(batch.positions));
  }

  bool have_exact() {
    if (exact_ == nullptr && !failed_) {
      auto made = make_exact_();
      if (made) {
        log_warning("a text overflowed in {}; such texts are computed in fp32",
                    to_string(info().precision));
        exact_ = *std::move(made);
      } else {
        log_warning("a text overflowed in {}, and fp32 cannot be loaded for it: {}",
                    to_string(info().precision), made.error().message);
        failed_ = true;
      }
    }
    return exact_ != nullptr;
  }

  std::unique_ptr<Engine> reduced_;
  std::function<Result<std::unique_ptr<Engine>>()> make_exact_;
  std::unique_ptr<Engine> exact_;
  bool failed_ = false;
};

}  // namespace

std::unique_ptr<Engine> retry_when_not_finite(
    std::unique_ptr<Engine> reduced, std::function<Result<std::unique_ptr<Engine>>()> make_exact) {
  return std::make_unique<FiniteRetry>(std::move(reduced), std::move(make_exact));
}

}  // namespace neso
