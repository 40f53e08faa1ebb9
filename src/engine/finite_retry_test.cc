// SPDX-License-Identifier: Apache-2.0
#include "engine/finite_retry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"

namespace neso {
namespace {

// Answers value + first id in every element; NaN for texts that begin with one of `bad`.
class FakeEngine final : public Engine {
 public:
  FakeEngine(float value, std::set<int32_t> bad) : value_(value), bad_(std::move(bad)) {
    info_.hidden = 2;
  }
  const EngineInfo& info() const override { return info_; }
  Result<> encode(const TokenBatch& batch, const PoolingSpec&, std::span<float> out) override {
    for (size_t i = 0; i < batch.size(); ++i) fill(batch, i, out.subspan(2 * i, 2));
    texts += batch.size();
    return {};
  }
  Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) override {
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto first = static_cast<size_t>(batch.cu_seqlens[i]);
      fill(batch, i, out.subspan(2 * first, 2 * batch.length(i)));
    }
    return {};
  }
  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor>,
                                       std::span<const std::string>) override {
    return unsupported("no graph");
  }
  size_t texts = 0;

 private:
  void fill(const TokenBatch& batch, size_t i, std::span<float> out) const {
    const int32_t id = batch.ids[static_cast<size_t>(batch.cu_seqlens[i])];
    for (float& element : out) element = value_ + static_cast<float>(id);
    if (bad_.contains(id)) out.back() = NAN;
  }
  float value_;
  std::set<int32_t> bad_;
  EngineInfo info_;
};

TokenBatch three_texts() {
  TokenBatch batch;
  batch.append(std::vector<int32_t>{1, 9});
  batch.append(std::vector<int32_t>{2});
  batch.append(std::vector<int32_t>{3, 9, 9}, std::vector<int32_t>{0, 1, 1});
  return batch;
}

TEST(FiniteRetry, OnlyTextsThatAreNotFiniteAreComputedAgain) {
  FakeEngine* exact = nullptr;
  int made = 0;
  const auto engine =
      retry_when_not_finite(std::make_unique<FakeEngine>(10.0F, std::set<int32_t>{1, 3}),
                            [&]() -> Result<std::unique_ptr<Engine>> {
                              ++made;
                              auto one = std::make_unique<FakeEngine>(100.0F, std::set<int32_t>{});
                              exact = one.get();
                              return std::unique_ptr<Engine>(std::move(one));
                            });
  std::vector<float> out(6);
  ASSERT_TRUE(engine->encode(three_texts(), PoolingSpec{}, out));
  EXPECT_EQ(out, (std::vector<float>{101, 101, 12, 12, 103, 103}));
  std::vector<float> states(12);
  ASSERT_TRUE(engine->encode_tokens(three_texts(), states));
  EXPECT_EQ(states, (std::vector<float>{101, 101, 101, 101, 12, 12, 103, 103, 103, 103, 103, 103}));
  EXPECT_EQ(made, 1);
  EXPECT_EQ(exact->texts, 2U);
}

TEST(FiniteRetry, NothingIsMadeWhileAllIsFinite) {
  const auto engine =
      retry_when_not_finite(std::make_unique<FakeEngine>(10.0F, std::set<int32_t>{}),
                            []() -> Result<std::unique_ptr<Engine>> {
                              ADD_FAILURE();
                              return internal_error("asked for");
                            });
  std::vector<float> out(6);
  ASSERT_TRUE(engine->encode(three_texts(), PoolingSpec{}, out));
  EXPECT_EQ(out, (std::vector<float>{11, 11, 12, 12, 13, 13}));
}

TEST(FiniteRetry, WithoutAnExactEngineTheOthersStillCount) {
  int asked = 0;
  const auto engine =
      retry_when_not_finite(std::make_unique<FakeEngine>(10.0F, std::set<int32_t>{2}),
                            [&]() -> Result<std::unique_ptr<Engine>> {
                              ++asked;
                              return internal_error("the file is gone");
                            });
  for (int i = 0; i < 2; ++i) {
    std::vector<float> out(6);
    ASSERT_TRUE(engine->encode(three_texts(), PoolingSpec{}, out));
    EXPECT_EQ(out[0], 11);
    EXPECT_TRUE(std::isnan(out[3]));
    EXPECT_EQ(out[5], 13);
  }
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace neso
