// SPDX-License-Identifier: Apache-2.0
// How far vectors of a reduced precision are from those of fp32, over 400 and more texts of code
// and prose: cosines, and how many of a text's ten nearest neighbours stay among them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/pooling.h"
#include "simd/cpu.h"
#include "tokenizer/tokenizer.h"

namespace neso {
namespace {

constexpr size_t kWidth = 384;
constexpr size_t kNeighbours = 10;

std::vector<std::string> read_texts() {
  const auto file = read_file(NESO_ACCURACY_TEXTS, size_t{4} << 20);
  EXPECT_TRUE(file.has_value());
  std::vector<std::string> texts;
  std::string_view rest = *file;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const auto line = parse_json(rest.substr(0, end));
    EXPECT_TRUE(line.has_value());
    texts.emplace_back(line->find("text")->as_string().value());
    rest.remove_prefix(end + 1);
  }
  return texts;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// Unit vectors, one after the other.
class Vectors {
 public:
  explicit Vectors(std::vector<float> values) : values_(std::move(values)) {
    for (size_t i = 0; i < size(); ++i) normalize_l2({values_.data() + i * kWidth, kWidth});
  }
  size_t size() const { return values_.size() / kWidth; }
  std::span<const float> at(size_t i) const { return {values_.data() + i * kWidth, kWidth}; }

  std::set<size_t> nearest(size_t i) const {
    std::vector<double> scores(size());
    for (size_t j = 0; j < size(); ++j) scores[j] = j == i ? -2 : dot(at(i), at(j));
    std::vector<size_t> order(size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::partial_sort(order, order.begin() + kNeighbours,
                              [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    return {order.begin(), order.begin() + kNeighbours};
  }

 private:
  std::vector<float> values_;
};

// On the best instruction set: the others round alike and are slower.
class Accuracy : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!std::filesystem::exists(NESO_MINILM_DIR)) return;
    auto opened = open_checkpoint(NESO_MINILM_DIR);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    checkpoint_ = std::make_unique<Checkpoint>(*std::move(opened));
    const auto tokenizer = Tokenizer::load(checkpoint_->tokenizer_json);
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
    batch_ = std::make_unique<TokenBatch>();
    for (const std::string& text : read_texts()) {
      const auto encoding = (*tokenizer)->encode(text, {.max_tokens = checkpoint_->max_tokens});
      ASSERT_TRUE(encoding.has_value());
      batch_->append(encoding->ids);
    }
    exact_ = std::make_unique<Vectors>(vectors(Precision::Fp32));
  }
  static void TearDownTestSuite() {
    exact_.reset();
    batch_.reset();
    checkpoint_.reset();
  }
  void SetUp() override {
    if (exact_ == nullptr) GTEST_SKIP() << "run ./dev setup: it fetches the model";
  }

  static std::vector<float> vectors(Precision precision) {
    auto weights = load_cpu_weights(*checkpoint_, precision, supported_isas().back());
    EXPECT_TRUE(weights.has_value()) << weights.error().message;
    auto engine = make_cpu_engine(*std::move(weights), CpuOptions{});
    EXPECT_TRUE(engine.has_value()) << engine.error().message;
    std::vector<float> out(batch_->size() * kWidth);
    EXPECT_TRUE((*engine)->encode(*batch_, checkpoint_->pooling, out).has_value());
    return out;
  }

  struct Report {
    double mean = 0;
    double least = 1;
    double overlap = 0;  // of the ten nearest neighbours
  };
  static Report compare(Precision precision) {
    const Vectors reduced(vectors(precision));
    Report report;
    for (size_t i = 0; i < reduced.size(); ++i) {
      const double cosine = dot(exact_->at(i), reduced.at(i));
      report.mean += cosine / static_cast<double>(reduced.size());
      report.least = std::min(report.least, cosine);
      const std::set<size_t> expected = exact_->nearest(i);
      for (const size_t j : reduced.nearest(i)) {
        report.overlap += expected.contains(j) ? 1.0 / static_cast<double>(kNeighbours) : 0.0;
      }
    }
    report.overlap /= static_cast<double>(reduced.size());
    std::printf("%s: cosine mean %.6f, least %.6f, overlap of ten neighbours %.4f\n",
                std::string(to_string(precision)).c_str(), report.mean, report.least,
                report.overlap);
    return report;
  }

  static std::unique_ptr<Checkpoint> checkpoint_;
  static std::unique_ptr<TokenBatch> batch_;
  static std::unique_ptr<Vectors> exact_;
};
std::unique_ptr<Checkpoint> Accuracy::checkpoint_;
std::unique_ptr<TokenBatch> Accuracy::batch_;
std::unique_ptr<Vectors> Accuracy::exact_;

TEST_F(Accuracy, ThereAreEnoughTexts) {
  EXPECT_GE(batch_->size(), 400U);
}

TEST_F(Accuracy, Bf16IsAsGoodAsFp32ForSearch) {
  const Report report = compare(Precision::Bf16);
  EXPECT_GE(report.mean, 0.9999);
  EXPECT_GE(report.least, 0.999);
  EXPECT_GE(report.overlap, 0.98);
}

TEST_F(Accuracy, Int8KeepsNeighbours) {
  const Report report = compare(Precision::Int8);
  EXPECT_GE(report.mean, 0.998);
  EXPECT_GE(report.least, 0.995);
  EXPECT_GE(report.overlap, 0.95);
}

}  // namespace
}  // namespace neso
