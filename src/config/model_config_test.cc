// SPDX-License-Identifier: Apache-2.0
#include "config/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/file.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

ModelConfig parse(std::string_view text, std::string_view name = "m") {
  auto config = parse_model_config(text, "config.pbtxt", name);
  EXPECT_TRUE(config) << config.error().message;
  return config ? *std::move(config) : ModelConfig();
}

std::string refusal(std::string_view text, std::string_view name = "m") {
  const auto config = parse_model_config(text, "config.pbtxt", name);
  EXPECT_FALSE(config) << text;
  return config ? "" : config.error().message;
}

constexpr std::string_view kGuide = R"pb(
  name: "nomic-embed"
  backend: "onnxruntime"
  max_batch_size: 128

      input
  [ {
    name: "input_ids"
    data_type: TYPE_INT64
    dims: [ -1 ]
  }
    , {
      name: "attention_mask"
      data_type: TYPE_INT64
      dims: [ -1 ]
    }]

      output
  [ {
    name: "embeddings"
    data_type: TYPE_FP32
    dims: [ 768 ]
  }]

      instance_group
  [ {
    count: 2
    kind: KIND_GPU
    gpus: [ 0 ]
  }]

  dynamic_batching {
    preferred_batch_size: [ 32, 64, 128 ]  # a comment
    max_queue_delay_microseconds: 5000
  }
)pb";

TEST(ModelConfig, ReadsAUsualFile) {
  const ModelConfig config = parse(kGuide, "nomic-embed");
  EXPECT_EQ(config.name, "nomic-embed");
  EXPECT_EQ(config.backend, "onnxruntime");
  EXPECT_EQ(config.max_batch_size, 128);
  ASSERT_EQ(config.inputs.size(), 2u);
  EXPECT_EQ(config.inputs[1].name, "attention_mask");
  EXPECT_EQ(config.inputs[1].dtype, DType::Int64);
  EXPECT_THAT(config.inputs[1].dims, ElementsAre(-1));
  ASSERT_NE(config.find_output("embeddings"), nullptr);
  EXPECT_THAT(config.find_output("embeddings")->dims, ElementsAre(768));
  EXPECT_EQ(config.find_input("embeddings"), nullptr);
  ASSERT_EQ(config.instance_groups.size(), 1u);
  EXPECT_EQ(config.instance_groups[0].kind, InstanceKind::Gpu);
  EXPECT_EQ(config.instance_groups[0].count, 2);
  EXPECT_THAT(config.instance_groups[0].gpus, ElementsAre(0));
  ASSERT_TRUE(config.dynamic_batching);
  EXPECT_THAT(config.dynamic_batching->preferred_batch_sizes, ElementsAre(32, 64, 128));
  EXPECT_EQ(config.dynamic_batching->max_queue_delay_us, 5000u);
  EXPECT_THAT(config.not_honoured, IsEmpty());
}

TEST(ModelConfig, AnEmptyTextIsTheConfigOfAModelWithoutOne) {
  const ModelConfig config = parse("", "bert");
  EXPECT_EQ(config.name, "bert");
  EXPECT_EQ(config.max_batch_size, 0);
  EXPECT_EQ(config.version_policy.kind, VersionPolicy::Kind::Latest);
  EXPECT_EQ(config.version_policy.latest, 1u);
  EXPECT_THAT(config.inputs, IsEmpty());
}

TEST(ModelConfig, ReadsEveryFormOfTheTextFormat) {
  const ModelConfig config = parse(R"pb(
    # messages with and without a colon, lists with and without brackets, maps as entries
    input: { name: "a", data_type: TYPE_STRING
    ; dims: 1 dims: 2 optional: true }
    input < name: 'b' data_type: 11 dims: [ ] dims: [ 3 ] reshape { shape: [ 3, 1 ] } allow_ragged_batch: true >
    output [ { name: "c" data_type: TYPE_BF16 dims: [ -1 ] label_filename: "labels.txt" } ]
    max_batch_size: 8
    version_policy: { specific: { versions: [ 1, 3 ] } }
    parameters { key: "k" value: { string_value: "v" } }
    parameters: { key: "l" value { string_value: "two " "parts" } }
    metric_tags { key: "team" value: "search" }
    optimization { graph { level: 1 } }
    default_model_filename: "sub/model.onnx"
  )pb");
  ASSERT_EQ(config.inputs.size(), 2u);
  EXPECT_EQ(config.inputs[0].dtype, DType::Bytes);
  EXPECT_TRUE(config.inputs[0].optional);
  EXPECT_THAT(config.inputs[0].dims, ElementsAre(1, 2));
  EXPECT_EQ(config.inputs[1].dtype, DType::Fp32);
  EXPECT_TRUE(config.inputs[1].allow_ragged_batch);
  EXPECT_EQ(config.inputs[1].reshape, (Shape{3, 1}));
  EXPECT_EQ(config.outputs.at(0).dtype, DType::Bf16);
  EXPECT_EQ(config.outputs.at(0).label_filename, "labels.txt");
  EXPECT_EQ(config.version_policy.kind, VersionPolicy::Kind::Specific);
  EXPECT_THAT(config.version_policy.specific, ElementsAre(1, 3));
  EXPECT_EQ(config.parameters.at("k"), "v");
  EXPECT_EQ(config.parameters.at("l"), "two parts");
  EXPECT_EQ(config.metric_tags.at("team"), "search");
  EXPECT_EQ(config.graph_optimization_level, 1);
  EXPECT_EQ(config.default_model_filename, "sub/model.onnx");
  EXPECT_EQ(parse("version_policy { all { } }").version_policy.kind, VersionPolicy::Kind::All);
}

TEST(ModelConfigText, NamesPlaceAndFieldOfAnUnknownFieldAndTheOneMeant) {
  EXPECT_EQ(refusal("name: \"m\"\nmax_batch_size: 4\ninputt [ { } ]\n"),
            "config.pbtxt:3:1: Message type \"inference.ModelConfig\" has no field named "
            "\"inputt\". Did you mean \"input\"?");
  EXPECT_EQ(refusal("input [\n\t{ name: \"a\" datatype\n: TYPE_FP32 } ]"),
            "config.pbtxt:2:14: Message type \"inference.ModelInput\" has no field named "
            "\"datatype\". Did you mean \"data_type\"?");
  EXPECT_THAT(refusal("frobnicate: 1"), StartsWith("config.pbtxt:1:1: "));
  EXPECT_THAT(refusal("frobnicate: 1"), Not(HasSubstr("Did you mean")));
}

TEST(ModelConfigText, NamesPlaceAndValueOfAnUnknownEnumerator) {
  EXPECT_EQ(refusal("input { name: \"a\"\n  data_type: TYPE_FP31 }"),
            "config.pbtxt:2:14: Unknown enumeration value of \"TYPE_FP31\" for field "
            "\"data_type\". Did you mean \"TYPE_FP32\"?");
  EXPECT_THAT(refusal("instance_group { kind: KIND_CPUS }"),
              HasSubstr("Did you mean \"KIND_CPU\"?"));
}

TEST(ModelConfigText, RefusesSyntaxErrorsWithTheirPlace) {
  struct Case {
    const char* text;
    const char* start;
    const char* part;
  };
  const Case kCases[] = {
      {"name: \"m\nbackend: \"x\"", "config.pbtxt:1:9: ", "cannot cross line boundaries"},
      {"max_batch_size: four", "config.pbtxt:1:17: ", "four"},
      {"max_batch_size: 99999999999", "config.pbtxt:1:17: ", "out of range"},
      {"input { name: }", "config.pbtxt:1:15: ", "Expected"},
      {"name: \"m\"\nname: \"m\"\n", "config.pbtxt:2:", "\"name\" is specified multiple times"},
      {"dynamic_batching { }\nsequence_batching { }", "config.pbtxt:2:", "\"dynamic_batching\""},
      {"{\"name\": \"m\"}", "config.pbtxt:1:1: ", "Expected identifier"},
      {"[foo.bar] { }", "config.pbtxt:1:", "foo.bar"},
  };
  for (const Case& c : kCases) {
    EXPECT_THAT(refusal(c.text), StartsWith(c.start)) << c.text;
    EXPECT_THAT(refusal(c.text), HasSubstr(c.part)) << c.text;
  }
}

TEST(ModelConfigText, NamesTheBracketThatIsNotClosed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"input [ { name: \"a\" }", "config.pbtxt:1:7: the [ that is opened here is never closed"},
      {"input [\n  { name: \"a\" dims: [ -1 ]\n",
       "config.pbtxt:2:3: the { that is opened here is never closed"},
      {"input [\n  { name: \"a\" }\n\noutput [ { name: \"}\" } ]\n",
       "config.pbtxt:1:7: the [ that is opened here is never closed"},
      {"input [ {\n  name: \"a\"\n]\n",
       "config.pbtxt:3:1: found ], but the { opened at line 1, column 9 is not closed"},
      {"input { dims: [ -1 }",
       "config.pbtxt:1:20: found }, but the [ opened at line 1, column 15 is not closed"},
      {"max_batch_size: 4\n}\n", "config.pbtxt:2:1: this } closes nothing"},
  };
  for (const auto& [text, sentence] : kCases) EXPECT_EQ(refusal(text), sentence) << text;
  EXPECT_THAT(refusal("max_batch_sise: 4\ninput {"), HasSubstr("Did you mean"))
      << "what is wrong before the bracket comes first";
}

TEST(ModelConfigText, TakesAByteOrderMarkAndRefusesUtf16) {
  EXPECT_EQ(parse("\xEF\xBB\xBFmax_batch_size: 4").max_batch_size, 4);
  EXPECT_EQ(refusal("\xEF\xBB\xBFmax_batch_size: four").substr(0, 17), "config.pbtxt:1:17");
  EXPECT_EQ(refusal(std::string_view("\xFF\xFEm\0", 4)),
            "config.pbtxt: the file is UTF-16 text; save it as UTF-8");
}

TEST(ModelConfigText, RefusesWhatIsTooLargeOrTooDeep) {
  const auto large = parse_model_config("#" + std::string(size_t{1} << 20, 'x'), "big", "m");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::TooLarge);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "input { reshape ";
  EXPECT_THAT(refusal(deep), StartsWith("config.pbtxt:1:"));
  EXPECT_THAT(refusal("input " + std::string(100'000, '[')), StartsWith("config.pbtxt:1:"));
  EXPECT_THAT(refusal("input " + std::string(100'000, '{')), StartsWith("config.pbtxt:1:"));
}

TEST(ModelConfigText, NoPrefixOfAGoodFileBreaksTheParser) {
  for (size_t length = 0; length <= kGuide.size(); ++length) {
    const auto config = parse_model_config(kGuide.substr(0, length), "config.pbtxt", "nomic-embed");
    if (!config) {
      EXPECT_THAT(config.error().message, Not(IsEmpty()));
    }
  }
}

TEST(ModelConfigText, RefusesBytesThatAreNoText) {
  EXPECT_THAT(refusal("metric_tags { key: \"a\" value: \"\\377\" }"),
              HasSubstr("metric_tags[0].value is not UTF-8"));
  EXPECT_THAT(refusal("input { name: \"a\\000b\" }"), HasSubstr("input[0].name is not UTF-8"));
  EXPECT_EQ(parse("parameters { key: \"\\303\\244\" value { string_value: \"\u20ac\" } }")
                .parameters.at("\u00e4"),
            "\u20ac");
}

TEST(ModelConfig, TellsWhichFieldsHaveNoEffect) {
  const ModelConfig config = parse(R"pb(
    max_batch_size: 4
    input { name: "a" data_type: TYPE_FP32 dims: 1 }
    sequence_batching {
      max_sequence_idle_microseconds: 5
      oldest { preserve_ordering: true }
    }
    optimization {
      priority: PRIORITY_MAX
      input_pinned_memory { enable: true }
      graph { level: 1 }
      cuda { graphs: true }
    }
    instance_group {
      rate_limiter { priority: 1 }
      host_policy: "p"
      count: 2
    }
    instance_group { host_policy: "q" }
    model_warmup { name: "w" }
    cc_model_filenames { key: "8.0" value: "x.onnx" }
    model_transaction_policy { decoupled: true }
    runtime: "r"
  )pb");
  EXPECT_THAT(
      config.not_honoured,
      UnorderedElementsAre("optimization.priority", "optimization.input_pinned_memory.enable",
                           "optimization.cuda", "cc_model_filenames",
                           "model_transaction_policy.decoupled", "runtime"));
  EXPECT_THAT(parse("dynamic_batching { priority_levels: 2 default_priority_level: 1 "
                    "preserve_ordering: false default_queue_policy { } } response_cache { } "
                    "model_transaction_policy { decoupled: false }")
                  .not_honoured,
              IsEmpty());
}

TEST(ModelConfig, ReadsWhatAnInstanceNeeds) {
  const auto groups = parse(R"pb(
                        instance_group {
                          rate_limiter {
                            resources { name: "a" count: 4 }
                            resources { name: "b" global: true count: 1 }
                            priority: 2
                          }
                        }
                        instance_group {}
                      )pb")
                          .instance_groups;
  ASSERT_EQ(groups.size(), 2U);
  const InstanceResources& resources = groups[0].resources;
  EXPECT_EQ(resources.priority, 2U);
  ASSERT_EQ(resources.needs.size(), 2U);
  EXPECT_EQ(resources.needs[0].name, "a");
  EXPECT_EQ(resources.needs[0].count, 4U);
  EXPECT_FALSE(resources.needs[0].global);
  EXPECT_TRUE(resources.needs[1].global);
  EXPECT_TRUE(groups[1].resources.needs.empty());
}

TEST(ModelConfig, ReadsPrioritiesAndQueuePolicies) {
  const auto batching = parse(R"pb(
                          max_batch_size: 4
                          dynamic_batching {
                            priority_levels: 3
                            default_priority_level: 2
                            default_queue_policy { max_queue_size: 7 }
                            priority_queue_policy {
                              key: 1
                              value {
                                timeout_action: DELAY
                                default_timeout_microseconds: 900
                                allow_timeout_override: true
                              }
                            }
                          }
                        )pb")
                            .dynamic_batching;
  ASSERT_TRUE(batching);
  EXPECT_EQ(batching->priority_levels, 3U);
  EXPECT_EQ(batching->default_priority_level, 2U);
  EXPECT_EQ(batching->default_queue_policy.max_queue_size, 7U);
  const QueuePolicy& first = batching->priority_queue_policies.at(1);
  EXPECT_EQ(first.timeout_action, QueuePolicy::TimeoutAction::Delay);
  EXPECT_EQ(first.default_timeout_us, 900U);
  EXPECT_TRUE(first.allow_timeout_override);
  EXPECT_FALSE(batching->default_queue_policy.allow_timeout_override);
}

class LoadModelConfig : public ::testing::Test {
 protected:
  LoadModelConfig() { std::filesystem::create_directories(folder_); }
  ~LoadModelConfig() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("neso-config-" + std::to_string(getpid()));
};

TEST_F(LoadModelConfig, ReadsTheFileAndNamesItInErrors) {
  const auto path = folder_ / "config.pbtxt";
  std::ofstream(path) << "max_batch_size: 7";
  ASSERT_TRUE(load_model_config(path, "m"));
  EXPECT_EQ(load_model_config(path, "m")->max_batch_size, 7);
  std::ofstream(path) << "\nmax_batchsize: 7";
  const auto broken = load_model_config(path, "m");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message,
              StartsWith(folder_.filename().string() + "/config.pbtxt:2:1: "));
}

TEST_F(LoadModelConfig, AMissingFileIsTheEmptyConfigAndALargeOneIsRefused) {
  ASSERT_TRUE(load_model_config(folder_ / "none.pbtxt", "m"));
  const auto path = folder_ / "config.pbtxt";
  std::ofstream(path) << std::string(size_t{10} << 20, '#');
  const auto large = load_model_config(path, "m");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::TooLarge);
}

}  // namespace
}  // namespace neso
