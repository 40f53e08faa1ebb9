// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/onnx_weights.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_onnx.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using namespace onnx_bytes;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OnnxWeights : public ::testing::Test {
 protected:
  Result<std::shared_ptr<const WeightStore>> open(std::string_view bytes) const {
    return open_onnx_weights(folder_.write("model.onnx", bytes));
  }
  // A store of a graph that must open.
  std::shared_ptr<const WeightStore> store(const TestGraph& graph) const {
    auto opened = open(graph.bytes());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    return opened ? *opened : nullptr;
  }
  std::string refusal(std::string_view bytes) const {
    const auto opened = open(bytes);
    return opened ? "opened" : opened.error().message;
  }
  std::string refusal(const TestGraph& graph) const { return refusal(graph.bytes()); }

  TemporaryFolder folder_;
};

std::vector<float> values(const WeightStore& store, std::string_view name) {
  const WeightInfo* info = store.find(name);
  if (info == nullptr) return {};
  std::vector<float> out(static_cast<size_t>(element_count(info->shape).value()));
  const auto read = store.read_fp32(name, out);
  EXPECT_TRUE(read) << read.error().message;
  return out;
}

// A linear layer of 3 inputs and 2 outputs whose weight has numbers 0 to 5 as [in, out].
TestGraph linear(const std::string& weight = "onnx::MatMul_7", const std::string& name = {}) {
  TestGraph graph;
  graph.floats(weight, {3, 2}).floats("a.dense.bias", {2}, 10);
  graph.add({"MatMul", {"x", weight}, "y", name});
  return graph;
}
const std::vector<float> kTurned = {0, 2, 4, 1, 3, 5};

TEST_F(OnnxWeights, NamesAWeightByTheBiasOfItsLayer) {
  for (const bool bias_first : {true, false}) {
    TestGraph graph = linear();
    graph.add({"Add",
               bias_first ? std::vector<std::string>{"a.dense.bias", "y"}
                          : std::vector<std::string>{"y", "a.dense.bias"},
               "z"});
    const auto found = store(graph);
    EXPECT_THAT(found->names(), ElementsAre("a.dense.bias", "a.dense.weight"));
    EXPECT_EQ(found->find("a.dense.weight")->shape, (Shape{2, 3}));
    EXPECT_EQ(values(*found, "a.dense.weight"), kTurned);
    EXPECT_THAT(values(*found, "a.dense.bias"), ElementsAre(10, 11));
  }
}

TEST_F(OnnxWeights, NamesAWeightByTheOperatorsPlace) {
  EXPECT_EQ(values(*store(linear("w", "/a/layer.0/Wqkv/MatMul")), "a.layer.0.Wqkv.weight"),
            kTurned);
  EXPECT_EQ(values(*store(linear("w", "/a/fc/MatMul_3")), "a.fc.weight"), kTurned);
  for (const char* name : {"MatMul_7", "/MatMul", "a/fc/MatMul", "/a/fc/Gemm", "/a/fc/", "/"}) {
    EXPECT_THAT(store(linear("w", name))->names(), ElementsAre("a.dense.bias")) << name;
  }
}

TEST_F(OnnxWeights, TurnsAWeightThatKeptItsNameButNotItsShape) {
  EXPECT_EQ(values(*store(linear("a.dense.weight")), "a.dense.weight"), kTurned);
}

TEST_F(OnnxWeights, TakesAWeightBehindATransposeAsItIs) {
  for (const std::string& perm : {Attributes().integers("perm", {1, 0}).bytes, std::string()}) {
    TestGraph graph;
    graph.floats("a.dense.weight", {2, 3});
    graph.add({"Transpose", {"a.dense.weight"}, "t", "", perm});
    graph.add({"MatMul", {"x", "t"}, "y"});
    EXPECT_THAT(values(*store(graph), "a.dense.weight"), ElementsAre(0, 1, 2, 3, 4, 5));
  }
}

TEST_F(OnnxWeights, ReadsGemmBothWays) {
  TestGraph graph;
  graph.floats("w", {3, 2}).floats("v", {2, 3}).floats("a.bias", {2}).floats("b.bias", {2}, 7);
  graph.add({"Gemm", {"x", "w", "a.bias"}, "y"});
  graph.add({"Gemm", {"x", "v", "b.bias"}, "z", "", Attributes().integer("transB", 1).bytes});
  const auto found = store(graph);
  EXPECT_EQ(values(*found, "a.weight"), kTurned);
  EXPECT_THAT(values(*found, "b.weight"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(values(*found, "b.bias"), ElementsAre(7, 8));
}

TEST_F(OnnxWeights, LooksThroughConstantIdentityAndCast) {
  TestGraph graph;
  graph.add({"Constant",
             {},
             "w",
             "",
             Attributes().tensor("value", tensor("", {3, 2}, counting({3, 2}))).bytes});
  graph.add({"Identity", {"w"}, "v"});
  graph.add({"Cast", {"v"}, "u", "", Attributes().integer("to", 1).bytes});
  graph.floats("a.bias", {2}, 5).add({"Identity", {"a.bias"}, "b.bias"});
  graph.add({"MatMul", {"x", "u"}, "y"}).add({"Add", {"b.bias", "y"}, "z"});
  const auto found = store(graph);
  EXPECT_EQ(values(*found, "b.weight"), kTurned);
  EXPECT_THAT(values(*found, "b.bias"), ElementsAre(5, 6));
  EXPECT_EQ(found->find("a.weight"), nullptr);  // the nearest name counts
}

TEST_F(OnnxWeights, ReadsEveryFloatTypeAndField) {
  TestGraph graph;
  graph.initializer(tensor("half", {2}, raw_data<uint16_t>({0x3C00, 0xC100}), 10));
  graph.initializer(tensor("brain", {2}, raw_data<uint16_t>({0x3F80, 0xC020}), 16));
  graph.initializer(tensor("double", {2}, raw_data<double>({1.0, -2.5}), 11));
  const std::string floats = raw_data<float>({1.0F, -2.5F}).substr(2);  // without key and length
  graph.initializer(tensor("floats", {2}, field(4, floats)));
  graph.initializer(tensor("singles", {2}, number_field(5, 15360) + number_field(5, 49408), 10));
  graph.initializer(tensor("ids", {2}, raw_data<int64_t>({1, 2}), 7));
  const auto found = store(graph);
  for (const char* name : {"half", "brain", "double", "floats"}) {
    EXPECT_THAT(values(*found, name), ElementsAre(1.0F, -2.5F)) << name;
  }
  std::vector<float> out(2);
  EXPECT_THAT(found->read_fp32("singles", out).error().message, HasSubstr("single values"));
  EXPECT_THAT(found->read_fp32("ids", out).error().message, HasSubstr("whole numbers"));
  EXPECT_EQ(found->read_fp32("none", out).error().code, ErrorCode::NotFound);
}

TEST_F(OnnxWeights, ReadsExternalData) {
  folder_.write("sub/data", std::string(8, 'x') + counting({3, 2}).substr(2));
  const std::string place = number_field(14, 1) + entry("location", "sub/data");
  for (const std::string& range :
       {entry("offset", "8") + entry("length", "24"), entry("offset", "8")}) {
    TestGraph graph;
    graph.initializer(tensor("w", {3, 2}, place + range));
    graph.add({"MatMul", {"x", "w"}, "y", "/a/MatMul"});
    EXPECT_EQ(values(*store(graph), "a.weight"), kTurned);
  }
}

TEST_F(OnnxWeights, RefusesExternalDataThatIsNotThere) {
  TemporaryFolder elsewhere;
  elsewhere.write("secret", std::string(64, 's'));
  fs::create_symlink(elsewhere.path() / "secret", folder_.path() / "link");
  folder_.write("data", std::string(24, 'x'));
  const auto refused = [&](const std::string& entries) {
    TestGraph graph;
    graph.initializer(tensor("w", {3, 2}, number_field(14, 1) + entries));
    return refusal(graph);
  };
  EXPECT_THAT(refused(entry("location", "../x")), HasSubstr("not allowed"));
  EXPECT_THAT(refused(entry("location", "/etc/passwd")), HasSubstr("not allowed"));
  EXPECT_THAT(refused(entry("location", "link")), HasSubstr("leads out"));
  EXPECT_THAT(refused(entry("location", "none")), HasSubstr("not in its folder"));
  EXPECT_THAT(refused(""), HasSubstr("cannot be read"));
  const std::string data = entry("location", "data");
  EXPECT_THAT(refused(data + entry("offset", "8")), HasSubstr("16 bytes of FLOAT"));
  EXPECT_THAT(refused(data + entry("length", "25")), HasSubstr("that file has 24 bytes"));
  EXPECT_THAT(refused(data + entry("offset", "18446744073709551615") + entry("length", "24")),
              HasSubstr("that file has 24 bytes"));
  EXPECT_THAT(refused(data + entry("offset", "-1")), HasSubstr("no number"));
  EXPECT_THAT(refused(data + entry("offset", "99999999999999999999")), HasSubstr("no number"));
}

TEST_F(OnnxWeights, NamesNothingThatIsNotCertain) {
  const auto without = [&](TestGraph& graph) { return store(graph)->find("a.weight") == nullptr; };
  // One bias of two different layers: equal tensors are stored once.
  TestGraph shared;
  shared.floats("w", {3, 2}).floats("v", {3, 2}).floats("a.bias", {2});
  shared.add({"MatMul", {"x", "w"}, "y"}).add({"Add", {"a.bias", "y"}, "y2"});
  shared.add({"MatMul", {"x", "v"}, "z"}).add({"Add", {"a.bias", "z"}, "z2"});
  EXPECT_TRUE(without(shared));
  // A constant on the left is no linear layer's weight; nor is one in another operator.
  TestGraph left;
  left.floats("w", {3, 2}).add({"MatMul", {"w", "x"}, "y", "/a/MatMul"});
  EXPECT_TRUE(without(left));
  TestGraph other;
  other.floats("a.weight", {2, 2}).add({"Mul", {"x", "a.weight"}, "y", "/a/Mul"});
  EXPECT_TRUE(without(other));
  TestGraph turned;
  turned.floats("a.weight", {2, 2}).add({"Transpose", {"a.weight"}, "t"});
  turned.add({"Gather", {"t", "ids"}, "rows"});
  EXPECT_TRUE(without(turned));
  TestGraph scaled;
  scaled.floats("w", {2, 3}).floats("a.bias", {2});
  scaled.add({"Gemm",
              {"x", "w", "a.bias"},
              "y",
              "/a/Gemm",
              Attributes().integer("transB", 1).integer("transA", 1).bytes});
  EXPECT_TRUE(without(scaled));
  TestGraph narrowed;
  narrowed.floats("w", {3, 2});
  narrowed.add({"Cast", {"w"}, "v", "", Attributes().integer("to", 10).bytes});
  narrowed.add({"MatMul", {"x", "v"}, "y", "/a/MatMul"});
  EXPECT_TRUE(without(narrowed));
}

TEST_F(OnnxWeights, RefusesAGraphThatContradictsItself) {
  TestGraph two_names = linear("w", "/other/MatMul");
  two_names.floats("v", {3, 2}).add({"MatMul", {"x", "v"}, "u", "/a/dense/MatMul"});
  two_names.add({"Add", {"a.dense.bias", "y"}, "z"});
  EXPECT_THAT(refusal(two_names),
              AllOf(HasSubstr("\"w\" and \"v\""), HasSubstr("would both be \"a.dense.weight\"")));
  TestGraph twice = linear();
  twice.floats("a.dense.bias", {2});
  EXPECT_THAT(refusal(twice), HasSubstr("two parts of the graph make the value"));
  EXPECT_THAT(refusal(linear().bytes() + linear().bytes()), HasSubstr("two graphs"));
}

TEST_F(OnnxWeights, SaysWhyAnOptimizedGraphIsNotOurs) {
  TestGraph fused = linear();
  fused.add({"Attention", {"x"}, "z", "", "", "com.microsoft"});
  const auto opened = open(fused.bytes());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(opened.error().message,
              AllOf(HasSubstr("model.onnx"), HasSubstr("com.microsoft.Attention")));
  for (const char* op :
       {"MatMulInteger", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearMatMul"}) {
    TestGraph quantized = linear();
    quantized.add({op, {"x"}, "z"});
    EXPECT_THAT(refusal(quantized), AllOf(HasSubstr(op), HasSubstr("quantized")));
  }
}

TEST_F(OnnxWeights, EndsInACircle) {
  TestGraph graph;
  graph.add({"Identity", {"b"}, "a"}).add({"Identity", {"a"}, "b"});
  graph.add({"Transpose", {"self"}, "self"}).add({"MatMul", {"x", "a"}, "y", "/a/MatMul"});
  EXPECT_THAT(store(graph)->names(), IsEmpty());
}

TEST_F(OnnxWeights, RefusesImpossibleTensors) {
  const auto refused = [&](const Shape& shape, const std::string& elements) {
    TestGraph graph;
    graph.initializer(tensor("w", shape, elements));
    return refusal(graph);
  };
  constexpr int64_t kHuge = int64_t{1} << 62U;
  EXPECT_THAT(refused({-1, 2}, ""), HasSubstr("impossible shape"));
  EXPECT_THAT(refused({kHuge, kHuge}, ""), HasSubstr("impossible shape"));
  EXPECT_THAT(refused({1, 1, 1, 1, 1, 1, 1, 1, 1}, ""), HasSubstr("impossible shape"));
  EXPECT_THAT(refused({kHuge}, counting({2})), HasSubstr("8 bytes of FLOAT"));
  EXPECT_THAT(refused({3}, counting({2})), HasSubstr("8 bytes of FLOAT"));
  EXPECT_THAT(refused({2}, field(9, "1234567")), HasSubstr("7 bytes of FLOAT"));
  EXPECT_THAT(refused({2}, number_field(9, 7)), HasSubstr("no valid field"));
  EXPECT_THAT(refused({2}, varint(9 << 3 | 2) + varint(UINT64_MAX)), HasSubstr("cut short"));
}

TEST_F(OnnxWeights, RefusesMorePartsThanAnyEncoderHas) {
  std::string nodes;
  for (int i = 0; i < 300'000; ++i) nodes += field(1, "");
  EXPECT_THAT(refusal(field(7, nodes)), HasSubstr("more nodes and names"));
  const std::string dims(2'000'000, '\1');
  EXPECT_THAT(refusal(field(7, field(5, field(1, dims)))), HasSubstr("more nodes and names"));
}

TEST_F(OnnxWeights, SurvivesEveryCut) {
  const std::string whole = small_bert_export().bytes();
  EXPECT_EQ(refusal(whole), "opened");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(std::string_view(whole).substr(0, size)), "opened") << size;
  }
}

// Whatever opens can be read.
TEST_F(OnnxWeights, SurvivesFlippedBytes) {
  TestGraph graph = linear("w", "/a/MatMul");
  graph.add({"Transpose", {"w"}, "t", "", Attributes().integers("perm", {1, 0}).bytes});
  graph.add({"Add", {"y", "a.dense.bias"}, "z"});
  const std::string whole = graph.bytes();
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {0x01, 0x08, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      const auto opened = open(damaged);
      if (!opened) continue;
      for (const std::string& name : (*opened)->names()) {
        if ((*opened)->find(name)->dtype != DType::Bytes) values(**opened, name);
      }
    }
  }
}

TEST_F(OnnxWeights, ReportsAFileWrittenToAfterItWasOpened) {
  const auto found = store(linear());
  const fs::path model = folder_.path() / "model.onnx";
  fs::last_write_time(model, fs::last_write_time(model) + std::chrono::seconds(1));
  std::vector<float> out(2);
  EXPECT_THAT(found->read_fp32("a.dense.bias", out).error().message, HasSubstr("was written to"));
}

TEST_F(OnnxWeights, IsNotFoundWithoutAFile) {
  EXPECT_EQ(open_onnx_weights(folder_.path() / "none.onnx").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace neso
