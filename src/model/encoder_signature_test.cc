// SPDX-License-Identifier: Apache-2.0
// Declared inputs and outputs against what the engine computes: the mapping, and every refusal.
#include "model/encoder_signature.h"
#include "request/test_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;

// The guide's config, and an encoder of 384.
class EncoderSignatureTest : public ::testing::Test {
 protected:
  EncoderSignatureTest() {
    config_.name = "m";
    config_.max_batch_size = 128;
    config_.inputs = {declared("input_ids", DType::Int64, {-1}),
                      declared("attention_mask", DType::Int64, {-1})};
    config_.outputs = {declared("embeddings", DType::Fp32, {384})};
    engine_.can_encode = true;
    engine_.hidden = 384;
  }
  void add_graph() {
    engine_.can_run = true;
    engine_.inputs = {{"input_ids", DType::Int64, {-1, -1}},
                      {"attention_mask", DType::Int64, {-1, -1}},
                      {"token_type_ids", DType::Int64, {-1, -1}}};
    engine_.outputs = {{"last_hidden_state", DType::Fp32, {-1, -1, 384}}};
  }
  Result<EncoderSignature> make(bool has_tokenizer = true, bool known = true) {
    return make_encoder_signature(config_, engine_, {.width = 384, .hidden = 384},
                                  {.tokenizer = has_tokenizer, .architecture = known});
  }
  std::string error() {
    const auto made = make();
    return made ? "accepted" : made.error().message;
  }

  ModelConfig config_;
  EngineInfo engine_;
};

TEST_F(EncoderSignatureTest, AMaskMayBeLeftOutWhereTheFolderTellsWhatItWouldBe) {
  add_graph();
  EXPECT_TRUE(make(false, false)->rules.inputs[1].optional) << "it gives token states";
  engine_.outputs = {{"embeddings", DType::Fp32, {-1, 384}}};
  const auto optional_mask = [&](bool tokenizer, bool known) {
    return make(tokenizer, known)->rules.inputs[1].optional;
  };
  EXPECT_TRUE(optional_mask(true, false));
  EXPECT_TRUE(optional_mask(false, true));
  EXPECT_FALSE(optional_mask(false, false)) << "a bare graph: as strict as Triton";
}

TEST_F(EncoderSignatureTest, TextsAreAnsweredWithVectorsAlsoWhereTheConfigDeclaresNone) {
  add_graph();
  config_.outputs = {declared("last_hidden_state", DType::Fp32, {-1, 384})};
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->text_outputs, ::testing::ElementsAre("embeddings"));
  EXPECT_THAT(made->rules.outputs, ::testing::ElementsAre("last_hidden_state"));
  EXPECT_THAT(made->rules.unlisted_outputs, ::testing::ElementsAre("embeddings"));
  EXPECT_TRUE(make(false)->text_outputs.empty()) << "no tokenizer, no texts";
}

TEST_F(EncoderSignatureTest, DeclaredVectorsAreWhatTextsGet) {
  config_.outputs.push_back(declared("states", DType::Fp32, {-1, 384}));
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->text_outputs, ::testing::ElementsAre("embeddings"));
  EXPECT_TRUE(made->rules.unlisted_outputs.empty());
}

TEST_F(EncoderSignatureTest, PoolsAnOutputThatTheGraphLacks) {
  add_graph();
  config_.outputs.push_back(declared("last_hidden_state", DType::Fp32, {-1, 384}));
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->outputs[0].source, OutputSource::Vector);
  EXPECT_EQ(made->outputs[1].source, OutputSource::Graph);
  EXPECT_FALSE(made->rules.inputs[0].optional);
  EXPECT_TRUE(made->rules.inputs[1].optional) << "a mask can be derived";
}

TEST_F(EncoderSignatureTest, TakesTokenStatesFromAnEngineWithoutAGraph) {
  config_.outputs = {declared("last_hidden_state", DType::Fp32, {-1, 384})};
  EXPECT_EQ(make()->outputs[0].source, OutputSource::States);
}

TEST_F(EncoderSignatureTest, AcceptsAnOpenWidth) {
  config_.outputs[0].dims = {-1};
  EXPECT_EQ(error(), "accepted");
}

TEST_F(EncoderSignatureTest, RefusesAnotherWidthNamingBoth) {
  config_.outputs[0].dims = {768};
  EXPECT_EQ(error(),
            "unable to load model 'm', output 'embeddings' is declared with dims [768], but the "
            "model's vectors have 384 values; write 384 or -1 instead of 768");
  config_.outputs = {declared("last_hidden_state", DType::Fp32, {-1, 768})};
  EXPECT_THAT(error(), HasSubstr("384"));
  add_graph();
  EXPECT_THAT(error(), HasSubstr("the model expects 3 dimensions (shape [-1,-1,384])"));
  EXPECT_THAT(error(), HasSubstr("shape [-1,-1,768]"));
}

TEST_F(EncoderSignatureTest, RefusesOtherTypes) {
  config_.outputs[0].dtype = DType::Fp16;
  EXPECT_EQ(error(),
            "unable to load model 'm', configuration expects datatype TYPE_FP16 for output "
            "'embeddings', model provides TYPE_FP32");
  config_.outputs[0].dtype = DType::Fp32;
  config_.inputs[0].dtype = DType::Fp32;
  EXPECT_THAT(error(), HasSubstr("TYPE_FP32 for input 'input_ids'"));
}

TEST_F(EncoderSignatureTest, RefusesInputsThatNoEncoderHas) {
  config_.inputs.push_back(declared("pixels", DType::Fp32, {3}));
  EXPECT_THAT(error(), HasSubstr("unexpected inference input 'pixels'"));
}

TEST_F(EncoderSignatureTest, RefusesPositionsThatTheGraphCannotBeTold) {
  config_.inputs.push_back(declared("position_ids", DType::Int64, {-1}));
  EXPECT_EQ(error(), "accepted") << "our own engine takes them";
  add_graph();
  EXPECT_EQ(error(),
            "unexpected inference input 'position_ids', allowed inputs are: input_ids, "
            "attention_mask, token_type_ids, text");
  engine_.inputs.push_back({"position_ids", DType::Int64, {-1, -1}});
  EXPECT_EQ(error(), "accepted");
}

TEST_F(EncoderSignatureTest, RefusesOutputsThatAreNeitherVectorsNorStates) {
  config_.outputs[0].dims = {-1, -1, 384};
  EXPECT_THAT(error(), HasSubstr("an encoder answers vectors, [ 384 ], or token states"));
}

TEST_F(EncoderSignatureTest, TakesTextsDeclaredOrNot) {
  EXPECT_TRUE(make(true)->takes_text);
  EXPECT_FALSE(make(false)->takes_text);
  config_.inputs = {declared("text", DType::Bytes, {1})};
  const auto made = make(true);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->rules.inputs.empty());
  EXPECT_FALSE(make(false)) << "declared, but there is no tokenizer";
}

TEST_F(EncoderSignatureTest, CountsTextsOnlyWhereTheConfigDoes) {
  config_.max_batch_size = 0;
  config_.inputs = {declared("input_ids", DType::Int64, {-1, -1})};
  config_.outputs = {declared("embeddings", DType::Fp32, {-1, 384}),
                     declared("states", DType::Fp32, {-1, -1, 384})};
  auto made = make();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->outputs[0].source, OutputSource::Vector);
  EXPECT_EQ(made->outputs[1].source, OutputSource::States);
  EXPECT_FALSE(made->vectors_per_request);

  config_.inputs[0].dims = {-1};
  config_.outputs = {declared("embeddings", DType::Fp32, {384})};
  made = make();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->vectors_per_request);
}

class GraphCheckTest : public ::testing::Test {
 protected:
  GraphCheckTest() {
    config_.name = "m";
    config_.max_batch_size = 8;
    config_.inputs = {declared("X", DType::Fp32, {3})};
    config_.outputs = {declared("Y", DType::Fp32, {3})};
    engine_.inputs = {{"X", DType::Fp32, {-1, 3}}};
    engine_.outputs = {{"Y", DType::Fp32, {-1, -1}}};
  }
  std::string error() {
    const auto checked = check_against_graph(config_, engine_);
    return checked ? "accepted" : checked.error().message;
  }
  ModelConfig config_;
  EngineInfo engine_;
};

TEST_F(GraphCheckTest, AcceptsWhatFits) {
  EXPECT_EQ(error(), "accepted");
}

TEST_F(GraphCheckTest, ComparesTheReshape) {
  config_.inputs[0].dims = {1, 3};
  EXPECT_THAT(error(), HasSubstr("tensor 'X': the model expects 2 dimensions"));
  config_.inputs[0].reshape = Shape{3};
  EXPECT_EQ(error(), "accepted");
}

TEST_F(GraphCheckTest, RefusesInTritonsWords) {
  config_.inputs.push_back(declared("Z", DType::Fp32, {3}));
  EXPECT_EQ(error(), "unable to load model 'm', configuration expects 2 inputs, model provides 1");
  config_.inputs = {declared("Z", DType::Fp32, {3})};
  EXPECT_EQ(error(), "unexpected inference input 'Z', allowed inputs are: X");
  config_.inputs = {declared("X", DType::Int32, {3})};
  EXPECT_EQ(
      error(),
      "unable to load model 'm', configuration expects datatype TYPE_INT32 for input 'X', model "
      "provides TYPE_FP32");
  config_.inputs = {declared("X", DType::Fp32, {4})};
  EXPECT_EQ(
      error(),
      "model 'm', tensor 'X': the model expects 2 dimensions (shape [-1,3]) but the model "
      "configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > "
      "0 followed by the explicit tensor shape, making complete shape [-1,4])");
  engine_.inputs[0].shape = {1, 4};
  EXPECT_THAT(error(), HasSubstr("the first dimension must be -1"));
}

}  // namespace
}  // namespace neso
