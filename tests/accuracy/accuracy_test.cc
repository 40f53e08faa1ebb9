// SPDX-License-Identifier: Apache-2.0
// How far vectors of a reduced precision are from those of fp32, over 400 and more texts of code
// and prose, and over the probe set of `neso doctor`: cosines, and how many of a text's ten nearest
// neighbours stay among them.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "engine/agreement.h"
#include "engine/cpu/cpu_engine.h"
#include "model/loading/probe_texts.h"
#include "model/loading/self_check.h"
#include "simd/cpu.h"
#include "tokenizer/tokenizer.h"

namespace neso {
namespace {

constexpr size_t kWidth = 384;

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

struct TextSet {
  TokenBatch batch;
  std::vector<float> exact;  // [texts, kWidth], in fp32
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
    const auto prepare = [&](const auto& texts) {
      auto set = std::make_unique<TextSet>();
      for (const std::string_view text : texts) {
        const auto encoding = (*tokenizer)->encode(text, {.max_tokens = checkpoint_->max_tokens});
        EXPECT_TRUE(encoding.has_value());
        set->batch.append(encoding->ids);
      }
      set->exact = vectors(set->batch, Precision::Fp32);
      return set;
    };
    texts_ = prepare(read_texts());
    probes_ = prepare(probe_texts());
  }
  static void TearDownTestSuite() {
    texts_.reset();
    probes_.reset();
    checkpoint_.reset();
  }
  void SetUp() override {
    if (checkpoint_ == nullptr) GTEST_SKIP() << "run ./dev setup: it fetches the model";
  }

  static std::vector<float> vectors(const TokenBatch& batch, Precision precision) {
    auto weights = load_cpu_weights(*checkpoint_, precision, supported_isas().back());
    EXPECT_TRUE(weights.has_value()) << weights.error().message;
    auto engine = make_cpu_engine(*std::move(weights), CpuOptions{});
    EXPECT_TRUE(engine.has_value()) << engine.error().message;
    std::vector<float> out(batch.size() * kWidth);
    EXPECT_TRUE((*engine)->encode(batch, checkpoint_->pooling, out).has_value());
    return out;
  }

  struct Report {
    Agreement cosines;
    double overlap = 0;  // of the ten nearest neighbours
  };
  static Report compare(const TextSet& set, Precision precision) {
    const auto reduced = vectors(set.batch, precision);
    const Report report{compare_rows(set.exact, reduced, kWidth),
                        neighbours_kept(set.exact, reduced, kWidth)};
    std::printf("%s: cosine mean %.6f, least %.6f (text %zu), overlap of ten neighbours %.4f\n",
                std::string(to_string(precision)).c_str(), report.cosines.mean,
                report.cosines.least, report.cosines.least_row, report.overlap);
    return report;
  }

  static std::unique_ptr<Checkpoint> checkpoint_;
  static std::unique_ptr<TextSet> texts_;
  static std::unique_ptr<TextSet> probes_;
};
std::unique_ptr<Checkpoint> Accuracy::checkpoint_;
std::unique_ptr<TextSet> Accuracy::texts_;
std::unique_ptr<TextSet> Accuracy::probes_;

TEST_F(Accuracy, ThereAreEnoughTexts) {
  EXPECT_GE(texts_->batch.size(), 400U);
}

TEST_F(Accuracy, Bf16IsAsGoodAsFp32ForSearch) {
  const Report report = compare(*texts_, Precision::Bf16);
  EXPECT_GE(report.cosines.mean, 0.9999);
  EXPECT_GE(report.cosines.least, 0.999);
  EXPECT_GE(report.overlap, 0.98);
}

TEST_F(Accuracy, Int8KeepsNeighbours) {
  const Report report = compare(*texts_, Precision::Int8);
  EXPECT_GE(report.cosines.mean, 0.998);
  EXPECT_GE(report.cosines.least, 0.995);
  EXPECT_GE(report.overlap, 0.95);
}

// Odder texts than those above: other scripts, single words, signs.
TEST_F(Accuracy, TheDoctorsProbesAreFarInsideTheBoundsOfReferenceVectors) {
  for (const Precision precision : {Precision::Bf16, Precision::Int8}) {
    const Report report = compare(*probes_, precision);
    const double room = 1 - reference_bound(precision, true);
    EXPECT_GE(report.cosines.mean, 1 - room / 10);
    EXPECT_GE(report.cosines.least, 1 - room / 2);
    EXPECT_GE(report.overlap, 0.95);
  }
}

}  // namespace
}  // namespace neso
