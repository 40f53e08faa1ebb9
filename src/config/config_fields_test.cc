// SPDX-License-Identifier: Apache-2.0
// No field of config.pbtxt is ignored in silence, and the document says what becomes of each.
#include "config/config_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "config/environment.h"
#include "config/model_config.h"

namespace neso {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(ConfigFields, TheListHasWhatTheSchemaHas) {
  const auto fields = config_fields();
  EXPECT_GT(fields.size(), 60U);
  for (const char* path : {"name", "optimization.graph.level", "model_metrics",
                           "instance_group.count", "dynamic_batching.max_queue_delay_microseconds",
                           "sequence_batching.state.initial_state", "batch_input"}) {
    EXPECT_THAT(fields, Contains(Field(&ConfigField::path, path))) << path;
  }
}

TEST(ConfigFields, AFieldThatWouldChangeTheAnswersRefusesTheModel) {
  const std::pair<std::string, std::string> cases[] = {
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 1 } batch_input { kind: BATCH_ELEMENT_COUNT "
       "target_name: \"n\" data_type: TYPE_INT32 source_input: \"a\" }",
       "'batch_input' cannot be honoured"},
      {"model_operations { op_library_filename: \"x.so\" }",
       "'model_operations' cannot be honoured: libraries of custom operations are not loaded. "
       "Remove it from the config of m"},
      {"model_repository_agents { agents { name: \"checksum\" } }", "'model_repository_agents'"},
      {"instance_group { count: 1 } instance_group { passive: true }", "'instance_group.passive'"},
      {"sequence_batching { state { input_name: \"a\" output_name: \"b\" data_type: TYPE_FP32 "
       "dims: "
       "1 use_same_buffer_for_input_output: true use_growable_memory: true } }",
       "'sequence_batching.state.use_growable_memory' cannot be honoured: it needs a GPU"},
  };
  for (const auto& [text, sentence] : cases) {
    const auto config = parse_model_config(text, "config.pbtxt", "m");
    ASSERT_FALSE(config) << text;
    EXPECT_THAT(config.error().message, HasSubstr(sentence));
  }
}

TEST(ConfigFields, UnsetFieldsRefuseNothing) {
  EXPECT_TRUE(
      parse_model_config("instance_group { passive: false } sequence_batching { "
                         "iterative_sequence: false }",
                         "config.pbtxt", "m"));
}

TEST(ConfigFields, ParametersForGpusAreNamed) {
  const auto config = parse_model_config(
      "parameters { key: \"gpu_mem_limit\" value { string_value: \"1\" } } "
      "parameters { key: \"intra_op_thread_count\" value { string_value: \"1\" } } "
      "parameters { key: \"mine\" value { string_value: \"1\" } }",
      "config.pbtxt", "m");
  ASSERT_TRUE(config);
  EXPECT_THAT(config->gpu_settings, UnorderedElementsAre("parameters[\"gpu_mem_limit\"]"));
  EXPECT_THAT(config->not_honoured, testing::IsEmpty());
}

TEST(ConfigFields, AcceleratorsOfGpusAreReadAndThoseOfCpusNamed) {
  const auto config = parse_model_config(
      "optimization { execution_accelerators { "
      "gpu_execution_accelerator { name: \"tensorrt\" "
      "parameters { key: \"precision_mode\" value: \"FP16\" } } "
      "gpu_execution_accelerator { name: \"cuda\" } "
      "cpu_execution_accelerator { name: \"openvino\" } } }",
      "config.pbtxt", "m");
  ASSERT_TRUE(config);
  ASSERT_EQ(config->gpu_accelerators.size(), 2U);
  EXPECT_EQ(config->gpu_accelerators[0].name, "tensorrt");
  EXPECT_EQ(config->gpu_accelerators[0].parameters.at("precision_mode"), "FP16");
  EXPECT_EQ(config->gpu_accelerators[1].name, "cuda");
  EXPECT_THAT(
      config->gpu_settings,
      UnorderedElementsAre("optimization.execution_accelerators.gpu_execution_accelerator"));
  EXPECT_THAT(
      config->not_honoured,
      UnorderedElementsAre("optimization.execution_accelerators.cpu_execution_accelerator"));
}

// NESO_UPDATE_DOCS=1 config_test writes it anew.
TEST(ConfigFields, DocumentationIsUpToDate) {
  const auto path = std::filesystem::path(NESO_SOURCE_DIR) / "docs/config-fields.md";
  if (process_environment()("NESO_UPDATE_DOCS")) {
    ASSERT_TRUE(write_file_atomically(path, config_fields_markdown()));
  }
  const auto written = read_file(path, size_t{1} << 20);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(*written, config_fields_markdown()) << "run: NESO_UPDATE_DOCS=1 config_test";
}

}  // namespace
}  // namespace neso
