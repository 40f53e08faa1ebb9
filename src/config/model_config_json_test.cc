// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "config/model_config.h"

namespace neso {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kData = std::filesystem::path(NESO_SOURCE_DIR) / "tests/data/config";

std::string read(const std::string& name) {
  const auto text = read_file(kData / name, size_t{1} << 20);
  EXPECT_TRUE(text) << name;
  return text ? *text : "";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  if (const size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

// A text that is equal for equal values: members sorted, numbers in one form.
std::string canonical(const JsonValue& value) {
  if (value.is_object()) {
    std::vector<std::string> members;
    for (const auto& [key, member] : value.members())
      members.push_back(key + ":" + canonical(member));
    std::sort(members.begin(), members.end());
    std::string text = "{";
    for (const std::string& member : members) text += member + ",\n";
    return text + "}";
  }
  if (value.is_array()) {
    std::string text = "[";
    for (const JsonValue& element : value.array()) text += canonical(element) + ",";
    return text + "]";
  }
  if (const auto text = value.as_string()) return "\"" + std::string(*text) + "\"";
  if (const auto flag = value.as_bool()) return *flag ? "true" : "false";
  if (const auto number = value.as_double()) return std::to_string(*number);
  return "null";
}

std::string canonical_text(std::string_view json) {
  const auto value = parse_json(json);
  EXPECT_TRUE(value) << json;
  return value ? canonical(*value) : "";
}

ModelConfig completed(std::string_view text, std::string_view name, const ModelFacts& facts = {}) {
  const auto written = parse_model_config(text, "config.pbtxt", name);
  EXPECT_TRUE(written) << written.error().message;
  auto config = complete_model_config(*written, facts, true);
  EXPECT_TRUE(config) << config.error().message;
  return config ? *std::move(config) : *written;
}

// Triton's answers for its Python backend, read as those for the ONNX Runtime backend.
TEST(ModelConfigJson, EqualsTritonsAnswers) {
  std::istringstream answers(read("triton_answers.jsonl"));
  std::string answer;
  int count = 0;
  while (std::getline(answers, answer)) {
    const auto recorded = parse_json(answer);
    ASSERT_TRUE(recorded);
    const std::string name(recorded->find("name")->as_string().value());
    const std::string text =
        replaced(read(name + ".pbtxt"), "backend: \"python\"", "backend: \"onnxruntime\"");
    answer = replaced(answer, "\"platform\":\"\"", "\"platform\":\"onnxruntime_onnx\"");
    answer = replaced(answer, "\"backend\":\"python\"", "\"backend\":\"onnxruntime\"");
    answer = replaced(answer, "\"model.py\"", "\"model.onnx\"");
    EXPECT_EQ(canonical_text(model_config_json(completed(text, name))), canonical_text(answer))
        << name;
    ++count;
  }
  EXPECT_EQ(count, 21);
}

TEST(ModelConfigJson, PrintsACompletedOnnxModelInDeclarationOrder) {
  ModelFacts facts;
  facts.platform = "onnxruntime_onnx";
  facts.backend = "onnxruntime";
  facts.inputs = {{.name = "X", .dtype = DType::Fp32, .dims = {-1}}};
  facts.outputs = {{.name = "Y", .dtype = DType::Fp32, .dims = {}}};
  facts.supports_batching = true;
  facts.default_instance_count = 2;
  EXPECT_EQ(
      model_config_json(completed("", "m", facts)),
      R"({"name":"m","platform":"onnxruntime_onnx","backend":"onnxruntime","runtime":"","version_policy":{"latest":{"num_versions":1}},"max_batch_size":4,)"
      R"("input":[{"name":"X","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[-1],"is_shape_tensor":false,"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}],)"
      R"("output":[{"name":"Y","data_type":"TYPE_FP32","dims":[1],"reshape":{"shape":[]},"label_filename":"","is_shape_tensor":false,"is_non_linear_format_io":false}],)"
      R"("batch_input":[],"batch_output":[],"optimization":{"priority":"PRIORITY_DEFAULT","input_pinned_memory":{"enable":true},"output_pinned_memory":{"enable":true},"gather_kernel_buffer_threshold":0,"eager_batching":false},)"
      R"("dynamic_batching":{"preferred_batch_size":[4],"max_queue_delay_microseconds":0,"preserve_ordering":false,"priority_levels":0,"default_priority_level":0,"priority_queue_policy":{}},)"
      R"("instance_group":[{"name":"m","kind":"KIND_CPU","count":2,"gpus":[],"secondary_devices":[],"profile":[],"passive":false,"host_policy":""}],)"
      R"("default_model_filename":"model.onnx","cc_model_filenames":{},"metric_tags":{},"parameters":{},"model_warmup":[]})");
}

TEST(ModelConfigJson, PrintsMapsSortedLargeNumbersAndSetMembersOfAOneof) {
  const std::string json = model_config_json(completed(
      R"pb(backend: "neso"
           max_batch_size: 2
           input { name: "x" data_type: TYPE_FP32 dims: 1 }
           output { name: "y" data_type: TYPE_FP32 dims: 1 }
           dynamic_batching {
             max_queue_delay_microseconds: 18446744073709551615
             priority_levels: 12
             default_priority_level: 1
             priority_queue_policy {
               key: 10
               value { timeout_action: DELAY }
             }
             priority_queue_policy {
               key: 9
               value {}
             }
           }
           parameters {
             key: "b"
             value { string_value: "2\"" }
           }
           parameters {
             key: "a"
             value {}
           }
           model_warmup {
             inputs {
               key: "x"
               value { dims: 9007199254740993 zero_data: false }
             }
           }
           model_metrics { metric_control { histogram_options { buckets: [ 0.5, 1 ] } } })pb",
      "m"));
  EXPECT_THAT(json, HasSubstr("\"max_queue_delay_microseconds\":18446744073709551615"));
  EXPECT_THAT(json, HasSubstr("\"priority_queue_policy\":{\"10\":{\"timeout_action\":\"DELAY\","));
  EXPECT_THAT(
      json,
      HasSubstr(
          "\"parameters\":{\"a\":{\"string_value\":\"\"},\"b\":{\"string_value\":\"2\\\"\"}}"));
  EXPECT_THAT(json, HasSubstr("{\"x\":{\"data_type\":\"TYPE_INVALID\",\"dims\":[9007199254740993],"
                              "\"zero_data\":false}}"));
  EXPECT_THAT(json, HasSubstr("\"histogram_options\":{\"buckets\":[0.5,1.0]}"));
  EXPECT_TRUE(parse_json(json));
}

}  // namespace
}  // namespace neso
