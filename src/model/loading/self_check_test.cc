// SPDX-License-Identifier: Apache-2.0
// The real MiniLM, loaded beside reference vectors that are right, or wrong in one way each.
#include "model/loading/self_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <limits>
#include <optional>

#include "base/file.h"
#include "base/json_writer.h"
#include "base/temporary_folder.h"
#include "model/loading/model_loader.h"
#include "model/loading/probe_texts.h"
#include "scheduling/test_engine.h"
#include "simd/cpu.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kWidth = 384;

class SelfCheck : public ::testing::Test {
 protected:
  SelfCheck() {
    for (const auto& entry : fs::recursive_directory_iterator(NESO_TEST_MODEL)) {
      const fs::path copy = version_ / fs::relative(entry.path(), NESO_TEST_MODEL);
      fs::create_directories(copy.parent_path());
      if (entry.is_regular_file()) fs::create_symlink(entry.path(), copy);
    }
  }

  Result<std::unique_ptr<Model>> load(std::optional<Precision> precision = Precision::Fp32,
                                      bool refuse = true) {
    LoadOptions options = options_;
    options.engine.precision = precision;
    options.refuse_reference_mismatch = refuse;
    return load_model({"m", 1, folder_.path() / "m"}, parse_model_config("", "test", "m").value(),
                      options, metrics_, clock_);
  }

  // What the model makes of the texts, with its first `width` values.
  std::vector<ReferenceVector> vectors(const std::vector<std::string>& texts,
                                       size_t width = kWidth) {
    const auto model = load();
    EXPECT_TRUE(model) << model.error().message;
    EmbedRequest request;
    request.texts = texts;
    request.dimensions = width;
    std::promise<Result<EmbedResponse>> promise;
    (*model)->embed(std::move(request), Completion<EmbedResponse>([&](Result<EmbedResponse> r) {
                      promise.set_value(std::move(r));
                    }));
    const auto response = promise.get_future().get().value();
    std::vector<ReferenceVector> made;
    for (size_t i = 0; i < texts.size(); ++i)
      made.push_back({texts[i], std::nullopt, response.items[i]->values});
    return made;
  }

  void write(const std::vector<ReferenceVector>& references, const std::string& where = "m") {
    JsonWriter writer;
    writer.begin_object().key("vectors").begin_array();
    for (const ReferenceVector& reference : references) {
      writer.begin_object().key("text").string(reference.text);
      if (reference.prompt_name) writer.key("prompt_name").string(*reference.prompt_name);
      writer.key("vector").numbers(reference.values).end_object();
    }
    writer.end_array().end_object();
    folder_.write(where + "/reference_vectors.json", writer.text());
  }

  std::string refusal(std::optional<Precision> precision = Precision::Fp32) {
    const auto model = load(precision);
    return model ? "it was loaded" : model.error().message;
  }

  // The highest bit of the exponent of a weight in a late layer. Floats are aligned there, and
  // little-endian.
  void flip_a_weight() {
    std::string content =
        read_file(fs::path(NESO_TEST_MODEL) / "model.safetensors", size_t{1} << 30).value();
    content[content.size() / 16 * 12 + 3] ^= 0x40;
    folder_.write("m/1/model.safetensors", content);
  }

  LoadOptions options_;
  const std::vector<std::string> texts_ = {"where is the retry logic?",
                                           "def add(a, b):\n    return a + b\n", ""};
  TemporaryFolder folder_;
  const fs::path version_ = folder_.path() / "m/1";
  ManualClock clock_;
  MetricRegistry metrics_;
};

TEST_F(SelfCheck, TheRightVectorsLoadInEveryPrecision) {
  write(vectors(texts_));
  for (const Precision precision : {Precision::Fp32, Precision::Bf16, Precision::Int8}) {
    const auto model = load(precision);
    ASSERT_TRUE(model) << model.error().message;
    const auto& references = (*model)->references();
    ASSERT_TRUE(references.has_value());
    EXPECT_EQ(references->vectors, texts_.size());
    EXPECT_GE(references->cosines.least, references->bound);
    EXPECT_EQ(references->bound, reference_bound(precision, true));
    EXPECT_EQ((*model)->statistics().success.count, 0U);  // nobody has asked for anything yet
  }
}

TEST_F(SelfCheck, WithoutTheFileNothingIsCompared) {
  const auto model = load();
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_FALSE((*model)->references().has_value());
}

TEST_F(SelfCheck, AWrongVectorIsRefusedWithItsNumberTheCosineAndTheBound) {
  auto references = vectors(texts_);
  for (float& value : references[1].values) value = std::abs(value);
  write(references);
  const std::string told = refusal();
  EXPECT_THAT(told, HasSubstr("text 1 of "));
  EXPECT_THAT(told, HasSubstr("m/reference_vectors.json has a cosine of "));
  EXPECT_THAT(told, HasSubstr("less than 0.9999;"));
  EXPECT_THAT(told, HasSubstr("make_reference_vectors.py"));
  EXPECT_THAT(refusal(Precision::Int8), HasSubstr("less than 0.98;"));

  const auto shown = load(Precision::Fp32, false);
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ((*shown)->references()->cosines.least_row, 1U);
  EXPECT_LT((*shown)->references()->cosines.least, 0.5);
}

// Chosen by the server, bf16 must not refuse what fp32 would serve: fp32 is tried, and its bound
// holds.
TEST_F(SelfCheck, WhereNobodyChoseThePrecisionFp32HasTheLastWord) {
  write(vectors(texts_));
  EXPECT_TRUE(load(std::nullopt));
  auto references = vectors(texts_);
  for (float& value : references[1].values) value = std::abs(value);
  write(references);
  EXPECT_THAT(refusal(std::nullopt), HasSubstr("less than 0.9999;"));
}

TEST_F(SelfCheck, F49_AFlippedByteOfAWeightIsToldWithTheKernelsAndWhatToTry) {
  write(vectors({texts_[0]}));
  flip_a_weight();
  const std::string kernels(to_string(choose_isa("").value()));
  EXPECT_THAT(refusal(), HasSubstr("computed by the kernels for " + kernels +
                                   ": try --isa=generic, and report it if that serves the model"));
  options_.engine.isa = "generic";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("; compare the model's files with where they came from"),
                               Not(HasSubstr("--isa"))));
}

TEST_F(SelfCheck, AnErrorThatInt8MayMakeIsTooLargeForFp32) {
  auto references = vectors({texts_[0]});
  // Turned out of its direction by an angle whose cosine is 0.995.
  auto& values = references[0].values;
  const float a = values[0];
  const float b = values[1];
  const float across = 0.1F / std::sqrt(a * a + b * b);
  values[0] += across * b;
  values[1] -= across * a;
  write(references);
  EXPECT_THAT(refusal(), HasSubstr("cosine of 0.995"));
  EXPECT_TRUE(load(Precision::Int8));
}

TEST_F(SelfCheck, TheFileOfTheVersionComesBeforeTheModels) {
  auto references = vectors({texts_[0]});
  write(references, "m/1");
  references[0].text = "something else";
  write(references, "m");
  EXPECT_EQ(refusal(), "it was loaded");
  fs::remove(version_ / "reference_vectors.json");
  EXPECT_THAT(refusal(), HasSubstr("text 0 of"));
}

TEST_F(SelfCheck, NarrowerVectorsAreComparedWithTheBeginningsWiderOnesAreRefused) {
  auto references = vectors({texts_[0]}, 64);
  write(references);
  EXPECT_EQ(refusal(), "it was loaded");
  references[0].values.resize(kWidth + 1, 0.5F);
  write(references);
  EXPECT_THAT(refusal(), HasSubstr("its vectors have 385 values, but this model's have 384"));
}

TEST_F(SelfCheck, PromptsArePutInFront) {
  folder_.write("m/1/config_sentence_transformers.json",
                R"({"prompts": {"query": "where is "}, "default_prompt_name": null})");
  auto references = vectors({"where is the retry logic?"});
  references[0].text = "the retry logic?";
  write(references);
  EXPECT_THAT(refusal(), HasSubstr("text 0 of"));
  references[0].prompt_name = "query";
  write(references);
  EXPECT_EQ(refusal(), "it was loaded");
  references[0].prompt_name = "question";
  write(references);
  EXPECT_THAT(refusal(), HasSubstr("text 0: model 'm' has no prompt 'question'; it has query"));
}

TEST_F(SelfCheck, AModelThatTakesNoTextsIsNotCompared) {
  write(vectors({texts_[0]}));
  fs::remove(version_ / "tokenizer.json");
  const auto model = load();
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_FALSE((*model)->references().has_value());
}

TEST(LoadProbes, AreTextsOfTheProbeSet) {
  EXPECT_EQ(probe_texts().size(), 64U);
  EXPECT_LE(kLoadProbes, probe_texts().size());
}

TEST(ReferenceBound, IsTighterTheMoreExactTheEngineIs) {
  EXPECT_GT(reference_bound(Precision::Fp32, true), reference_bound(Precision::Bf16, true));
  EXPECT_GT(reference_bound(Precision::Bf16, true), reference_bound(Precision::Int8, true));
  // A graph may be quantized.
  EXPECT_EQ(reference_bound(Precision::Fp32, false), reference_bound(Precision::Int8, true));
}

}  // namespace
}  // namespace neso
