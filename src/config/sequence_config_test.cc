// SPDX-License-Identifier: Apache-2.0
// sequence_batching read from config.pbtxt: what it means, and what is refused in Triton's words.
#include "config/sequence_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/model_config.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SequenceBatching read(const std::string& body) {
  const auto config = parse_model_config("max_batch_size: 4 sequence_batching { " + body + " }",
                                         "config.pbtxt", "m");
  EXPECT_TRUE(config) << config.error().message;
  return config && config->sequence_batching ? *config->sequence_batching : SequenceBatching{};
}

std::string refusal(const std::string& body) {
  const auto config = parse_model_config("max_batch_size: 4 sequence_batching { " + body + " }",
                                         "config.pbtxt", "m");
  return config ? "accepted" : config.error().message;
}

std::string control(const std::string& name, const std::string& body) {
  return "control_input { name: \"" + name + "\" control { " + body + " } } ";
}

TEST(SequenceConfig, DefaultsAreADirectStrategyWithASlotForEachRowAndOneSecond) {
  const SequenceBatching batching = read("");
  EXPECT_EQ(batching.slots, 4U);
  EXPECT_EQ(batching.max_idle_us, 1'000'000U);
  EXPECT_EQ(batching.max_queue_delay_us, 0U);
  EXPECT_THAT(batching.controls, IsEmpty());
  EXPECT_FALSE(
      parse_model_config("max_batch_size: 4", "config.pbtxt", "m")->sequence_batching.has_value());
}

TEST(SequenceConfig, ControlsKeepTheirValuesAndTypes) {
  const SequenceBatching batching =
      read(control("S", "kind: CONTROL_SEQUENCE_START int32_false_true: [ -1, 7 ]") +
           control("E", "kind: CONTROL_SEQUENCE_END fp32_false_true: [ 0.5, 1.5 ]") +
           control("R", "kind: CONTROL_SEQUENCE_READY bool_false_true: [ true, false ]") +
           control("C", "kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING"));
  ASSERT_EQ(batching.controls.size(), 4U);
  EXPECT_EQ(batching.controls[0].kind, SequenceControlKind::Start);
  EXPECT_EQ(batching.controls[0].dtype, DType::Int32);
  EXPECT_EQ(batching.controls[0].false_value, -1);
  EXPECT_EQ(batching.controls[0].true_value, 7);
  EXPECT_EQ(batching.controls[1].kind, SequenceControlKind::End);
  EXPECT_EQ(batching.controls[1].dtype, DType::Fp32);
  EXPECT_EQ(batching.controls[1].false_value, 0.5);
  EXPECT_EQ(batching.controls[2].kind, SequenceControlKind::Ready);
  EXPECT_EQ(batching.controls[2].dtype, DType::Bool);
  EXPECT_EQ(batching.controls[2].true_value, 0);
  EXPECT_EQ(batching.controls[3].kind, SequenceControlKind::CorrelationId);
  EXPECT_EQ(batching.controls[3].dtype, DType::Bytes);
}

TEST(SequenceConfig, StatesKeepWhatTheyStartWith) {
  const SequenceBatching batching = read(
      "state { input_name: \"I\" output_name: \"O\" data_type: TYPE_INT64 dims: [ 2, -1 ] "
      "initial_state { name: \"n\" data_type: TYPE_INT64 dims: [ 2, 3 ] data_file: \"f\" } }");
  ASSERT_EQ(batching.states.size(), 1U);
  EXPECT_EQ(batching.states[0].input, "I");
  EXPECT_EQ(batching.states[0].output, "O");
  EXPECT_EQ(batching.states[0].dtype, DType::Int64);
  EXPECT_EQ(batching.states[0].dims, (Shape{2, -1}));
  ASSERT_EQ(batching.states[0].initial_states.size(), 1U);
  EXPECT_TRUE(batching.states[0].initial_states[0].has_data);
  EXPECT_EQ(batching.states[0].initial_states[0].data_file, "f");
}

TEST(SequenceConfig, EachStrategySaysHowManyAreWorthARun) {
  const SequenceBatching direct =
      read("direct { max_queue_delay_microseconds: 9 minimum_slot_utilization: 0.6 }");
  EXPECT_EQ(direct.max_queue_delay_us, 9U);
  EXPECT_THAT(direct.enough, ElementsAre(3));
  EXPECT_TRUE(direct.all_beyond_enough);
  EXPECT_EQ(read("direct { max_queue_delay_microseconds: 9 }").max_queue_delay_us, 0U);
  const SequenceBatching oldest = read(
      "oldest { max_candidate_sequences: 16 preferred_batch_size: [ 4, 2 ] "
      "max_queue_delay_microseconds: 5 }");
  EXPECT_EQ(oldest.slots, 16U);
  EXPECT_EQ(oldest.max_queue_delay_us, 5U);
  EXPECT_THAT(oldest.enough, ElementsAre(2, 4));
  EXPECT_FALSE(oldest.all_beyond_enough);
  EXPECT_FALSE(oldest.preserve_ordering);
  EXPECT_TRUE(read("oldest { preserve_ordering: true }").preserve_ordering);
}

TEST(SequenceConfig, RefusesInTritonsWords) {
  const std::string start = "kind: CONTROL_SEQUENCE_START ";
  const std::pair<std::string, std::string> cases[] = {
      {control("", start + "int32_false_true: [ 0, 1 ]"),
       "sequence batching control tensor must have a name for m"},
      {control("A", start + "int32_false_true: [ 0, 1 ]") +
           control("A", "kind: CONTROL_SEQUENCE_END int32_false_true: [ 0, 1 ]"),
       "sequence batching control tensor 'A' is specified for multiple control kinds for m"},
      {control("A", start + "int32_false_true: [ 0, 1 ]") +
           control("B", start + "int32_false_true: [ 0, 1 ]"),
       "sequence batching specifies multiple CONTROL_SEQUENCE_START tensors for m"},
      {control("A", start),
       "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or "
       "'bool_false_true' for CONTROL_SEQUENCE_START for m"},
      {control("A", start + "int32_false_true: [ 0, 1 ] fp32_false_true: [ 0, 1 ]"),
       "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and "
       "'bool_false_true' for CONTROL_SEQUENCE_START for m"},
      {control("A", start + "bool_false_true: [ true ]"),
       "sequence batching control 'bool_false_true' must have exactly 2 entries for "
       "CONTROL_SEQUENCE_START for m"},
      {control("A", "kind: CONTROL_SEQUENCE_CORRID int32_false_true: [ 0, 1 ]"),
       "sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or "
       "'bool_false_true' for CONTROL_SEQUENCE_CORRID for m"},
      {control("A", "kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32"),
       "unexpected data type for control CONTROL_SEQUENCE_CORRID for m. Allowed data types are "
       "TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING"},
      {"iterative_sequence: true",
       "'sequence_batching.iterative_sequence' cannot be honoured: a graph never asks to be run "
       "again. Remove it from the config of m"},
  };
  for (const auto& [body, sentence] : cases) EXPECT_EQ(refusal(body), sentence) << body;
}

}  // namespace
}  // namespace neso
