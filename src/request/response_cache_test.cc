// SPDX-License-Identifier: Apache-2.0
// Which requests share an answer, and what the cache counts.
#include "request/response_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;

NamedTensor tensor(std::string name, Shape shape, std::vector<float> values) {
  return {std::move(name), Tensor::from<float>(DType::Fp32, std::move(shape), values)};
}

class ResponseCacheTest : public ::testing::Test {
 protected:
  ModelResponses model() { return {cache_, {{"model", "m"}, {"version", "1"}}, metrics_, clock_}; }
  ManualClock clock_;
  MetricRegistry metrics_;
  MemoryBudget budget_{1 << 20};
  std::shared_ptr<ResponseCache> cache_ =
      std::make_shared<ResponseCache>(100'000, &budget_, metrics_);
};

TEST_F(ResponseCacheTest, TheOrderOfInputsDoesNotMatterAndEverythingElseOfThemDoes) {
  const ModelResponses responses = model();
  const auto key = [&](std::vector<NamedTensor> inputs, std::vector<std::string> outputs = {}) {
    return responses.key_of({.inputs = std::move(inputs), .outputs = std::move(outputs)});
  };
  const NamedTensor a = tensor("a", {1, 2}, {1, 2});
  const NamedTensor b = tensor("b", {1}, {3});
  EXPECT_EQ(key({a, b}), key({b, a}));
  EXPECT_NE(key({a, b}), key({a}));
  EXPECT_NE(key({a}), key({tensor("a", {1, 2}, {1, 3})}));
  EXPECT_NE(key({a}), key({tensor("a", {2, 1}, {1, 2})}));
  EXPECT_NE(key({a}), key({tensor("c", {1, 2}, {1, 2})}));
  EXPECT_NE(key({a}), key({a}, {"y"}));
}

TEST_F(ResponseCacheTest, EachLoadOfAModelHasKeysOfItsOwn) {
  const InferRequest request{.inputs = {tensor("a", {1}, {1})}};
  const ModelResponses before = model();
  const ModelResponses after = model();
  EXPECT_EQ(before.key_of(request), before.key_of(request));
  EXPECT_NE(before.key_of(request), after.key_of(request));
}

TEST_F(ResponseCacheTest, AnswersAsItWasToldAndCounts) {
  uint64_t lookup_ns = 0;
  EXPECT_EQ(cache_->find("k", lookup_ns, clock_), nullptr);
  cache_->put("k", {tensor("y", {2}, {1, 2})}, clock_);
  const auto found = cache_->find("k", lookup_ns, clock_);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->front().name, "y");
  EXPECT_EQ(found->front().tensor.as<float>()[1], 2);
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("nv_cache_num_hits 1\n"));
  EXPECT_THAT(text, HasSubstr("nv_cache_num_misses 1\n"));
  EXPECT_THAT(text, HasSubstr("nv_cache_num_lookups 2\n"));
  EXPECT_THAT(text, HasSubstr("nv_cache_num_entries 1\n"));
}

TEST_F(ResponseCacheTest, ItsBytesAreTakenOutOfTheBudget) {
  EXPECT_EQ(budget_.held_by_models(), 100'000U);
  cache_ = nullptr;
  EXPECT_EQ(budget_.held_by_models(), 0U);
}

TEST_F(ResponseCacheTest, SummariesAreThereWhenTheyAreAskedFor) {
  EXPECT_EQ(metrics_.text().find("summary"), std::string::npos);
  MetricRegistry with({.summary_latencies = true, .summary_quantiles = {0.5}});
  const ModelResponses responses(cache_, {{"model", "m"}}, with, clock_);
  responses.count_hit(3'999);
  responses.count_miss(5'000);
  EXPECT_THAT(with.text(),
              HasSubstr("nv_cache_hit_summary_per_model{model=\"m\",quantile=\"0.5\"} 3\n"));
  EXPECT_THAT(with.text(), HasSubstr("nv_cache_miss_summary_per_model_sum{model=\"m\"} 5\n"));
}

}  // namespace
}  // namespace neso
