// SPDX-License-Identifier: Apache-2.0
// The graph's controls and states: their values request by request, and what is refused at load.
#include "sequence/sequence_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace neso {
namespace {

using ::testing::ElementsAre;

class SequenceTensorsTest : public ::testing::Test {
 protected:
  SequenceTensorsTest() {
    config_.name = "m";
    config_.max_batch_size = 4;
    config_.sequence_batching.emplace();
    std::filesystem::create_directories(folder_ / "initial_state");
  }
  ~SequenceTensorsTest() override { std::filesystem::remove_all(folder_); }

  void control(SequenceControlKind kind, const std::string& name, DType dtype) {
    config_.sequence_batching->controls.push_back({.kind = kind, .input = name, .dtype = dtype});
    engine_.inputs.push_back({name, dtype, {-1, 1}});
  }
  SequenceState& state(DType dtype, Shape dims) {
    Shape shape = dims;
    shape.insert(shape.begin(), -1);
    engine_.inputs.push_back({"IN", dtype, shape});
    engine_.outputs.push_back({"OUT", dtype, shape});
    return config_.sequence_batching->states.emplace_back(
        SequenceState{.input = "IN", .output = "OUT", .dtype = dtype, .dims = std::move(dims)});
  }
  void initial(const std::string& file = "") {
    SequenceState& last = config_.sequence_batching->states.back();
    last.initial_states.push_back(
        {.name = "i", .dtype = last.dtype, .dims = last.dims, .has_data = true, .data_file = file});
  }
  Result<SequenceTensors> make() const { return SequenceTensors::make(config_, engine_, folder_); }
  std::string refusal() const {
    const auto made = make();
    return made ? "accepted" : made.error().message;
  }
  TensorWork completed(const SequenceStep& step, const std::vector<NamedTensor>& states = {}) {
    TensorWork work{.outputs = {"y"}};
    auto made = make();
    EXPECT_TRUE(made) << made.error().message;
    if (made) made->complete(step, states, work);
    return work;
  }
  template <typename T>
  static T first(const TensorWork& work, const std::string& name) {
    const auto found = std::ranges::find(work.inputs, name, &NamedTensor::name);
    EXPECT_NE(found, work.inputs.end()) << name;
    return found == work.inputs.end() ? T{} : found->tensor.as<T>()[0];
  }

  ModelConfig config_;
  EngineInfo engine_;
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("neso-states-" + std::to_string(getpid()));
};

TEST_F(SequenceTensorsTest, ControlsSayWhereTheRequestStands) {
  control(SequenceControlKind::Start, "S", DType::Int32);
  control(SequenceControlKind::End, "E", DType::Fp32);
  control(SequenceControlKind::Ready, "R", DType::Bool);
  config_.sequence_batching->controls[1].false_value = -0.5;
  const TensorWork start = completed({.id = uint64_t{3}, .start = true});
  EXPECT_EQ(first<int32_t>(start, "S"), 1);
  EXPECT_EQ(first<float>(start, "E"), -0.5F);
  EXPECT_EQ(first<uint8_t>(start, "R"), 1);
  EXPECT_EQ(start.inputs[0].tensor.shape(), (Shape{1, 1}));
  const TensorWork end = completed({.id = uint64_t{3}, .end = true});
  EXPECT_EQ(first<int32_t>(end, "S"), 0);
  EXPECT_EQ(first<float>(end, "E"), 1.0F);
}

TEST_F(SequenceTensorsTest, WithoutABatchDimensionControlsHaveTheShapeOne) {
  config_.max_batch_size = 0;
  control(SequenceControlKind::Start, "S", DType::Int32);
  engine_.inputs[0].shape = {1};
  EXPECT_EQ(completed({}).inputs[0].tensor.shape(), Shape{1});
}

TEST_F(SequenceTensorsTest, TheIdHasTheTypeThatTheGraphTakes) {
  control(SequenceControlKind::CorrelationId, "C", DType::Uint64);
  EXPECT_EQ(first<uint64_t>(completed({.id = uint64_t{1} << 40U}), "C"), uint64_t{1} << 40U);
  const auto of_text = first<uint64_t>(completed({.id = std::string("alpha")}), "C");
  EXPECT_EQ(of_text, first<uint64_t>(completed({.id = std::string("alpha")}), "C"));
  EXPECT_NE(of_text, first<uint64_t>(completed({.id = std::string("beta")}), "C"));

  config_.sequence_batching->controls[0].dtype = engine_.inputs[0].dtype = DType::Int32;
  EXPECT_EQ(first<int32_t>(completed({.id = uint64_t{77}}), "C"), 77);

  config_.sequence_batching->controls[0].dtype = engine_.inputs[0].dtype = DType::Bytes;
  for (const CorrelationId& id : {CorrelationId(std::string("12")), CorrelationId(uint64_t{12})}) {
    const TensorWork work = completed({.id = id});
    EXPECT_THAT(bytes_elements(work.inputs[0].tensor.bytes()).value(), ElementsAre("12"));
  }
}

TEST_F(SequenceTensorsTest, AStateStartsAtZeroAndComesBack) {
  state(DType::Int32, {2});
  const TensorWork work = completed({.start = true});
  EXPECT_EQ(work.inputs[0].name, "IN");
  EXPECT_THAT(work.inputs[0].tensor.as<int32_t>(), ElementsAre(0, 0));
  EXPECT_THAT(work.outputs, ElementsAre("y", "OUT"));

  const std::vector<int32_t> values = {5, 6};
  std::vector<NamedTensor> outputs = {{"OUT", Tensor::from<int32_t>(DType::Int32, {1, 2}, values)},
                                      {"y", Tensor::from<int32_t>(DType::Int32, {1, 2}, values)}};
  const auto states = make().value().take_states({"y"}, outputs);
  ASSERT_EQ(outputs.size(), 1U);
  EXPECT_EQ(outputs[0].name, "y");
  EXPECT_THAT(completed({}, states).inputs[0].tensor.as<int32_t>(), ElementsAre(5, 6));
  EXPECT_THAT(completed({.start = true}, states).inputs[0].tensor.as<int32_t>(), ElementsAre(0, 0));
}

TEST_F(SequenceTensorsTest, AStateThatIsAskedForIsAnsweredToo) {
  state(DType::Int32, {1});
  std::vector<NamedTensor> outputs = {
      {"OUT", Tensor::from<int32_t>(DType::Int32, {1, 1}, std::vector<int32_t>{1})}};
  make().value().take_states({"OUT"}, outputs);
  EXPECT_EQ(outputs.size(), 1U);
}

TEST_F(SequenceTensorsTest, AnInitialStateComesFromItsFile) {
  state(DType::Int32, {2});
  initial("ones");
  std::ofstream(folder_ / "initial_state" / "ones", std::ios::binary)
      .write("\1\0\0\0\2\0\0\0rest", 12);
  EXPECT_THAT(completed({.start = true}).inputs[0].tensor.as<int32_t>(), ElementsAre(1, 2));
  std::ofstream(folder_ / "initial_state" / "ones") << "1234";
  EXPECT_EQ(refusal(),
            "initial_state setting expects 8 bytes, but the data provided from ones only has 4 "
            "bytes.");
  std::filesystem::remove(folder_ / "initial_state" / "ones");
  EXPECT_THAT(refusal(), ::testing::HasSubstr("initial_state/ones"));
}

TEST_F(SequenceTensorsTest, TextsStartEmptyAndVariableSizesAtOne) {
  state(DType::Bytes, {2});
  EXPECT_THAT(bytes_elements(completed({.start = true}).inputs[0].tensor.bytes()).value(),
              ElementsAre("", ""));
  config_.sequence_batching->states[0].dims = {-1};
  engine_.inputs[0].shape = engine_.outputs[0].shape = {-1, -1};
  EXPECT_EQ(completed({.start = true}).inputs[0].tensor.shape(), (Shape{1, 1}));
}

TEST_F(SequenceTensorsTest, ControlsThatTheGraphDoesNotHaveAreRefused) {
  control(SequenceControlKind::Start, "S", DType::Int32);
  engine_.inputs[0].shape = {-1, 2};
  EXPECT_EQ(refusal(),
            "unable to load model 'm', sequence control 'S' in model has dims [2] but dims [1] is "
            "expected");
  engine_.inputs[0] = {"S", DType::Fp32, {-1, 1}};
  EXPECT_EQ(refusal(),
            "unable to load model 'm', sequence control 'S', the model expects data-type TYPE_FP32 "
            "but the model configuration specifies data-type TYPE_INT32");
  engine_.inputs.clear();
  EXPECT_EQ(refusal(),
            "configuration specified sequence control 'S', but model does not provide that input");
}

TEST_F(SequenceTensorsTest, StatesThatCannotBeKeptAreRefused) {
  SequenceState& kept = state(DType::Int32, {2});
  initial();
  const SequenceState good = kept;
  const std::pair<std::function<void(SequenceState&)>, std::string> cases[] = {
      {[](SequenceState& s) { s.initial_states.push_back(s.initial_states[0]); },
       "initial_state field for state input 'IN' must contain exactly one or zero element. Found "
       "'2' elements."},
      {[](SequenceState& s) { s.initial_states[0].dtype = DType::Int64; },
       "The data type used for 'initial_state' field of state 'IN' does not match the state data "
       "type."},
      {[](SequenceState& s) { s.initial_states[0].name.clear(); },
       "Field 'name' must be set when using initial_state for state input 'IN'."},
      {[](SequenceState& s) { s.initial_states[0].dims = {2, 2}; },
       "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for "
       "state input 'IN'. 2 != 1"},
      {[](SequenceState& s) { s.initial_states[0].dims = {-1}; },
       "'initial_state' field for state input name 'IN' contains variable dimensions."},
      {[](SequenceState& s) { s.initial_states[0].dims = {3}; },
       "'initial_state' dim for input name 'IN' doesn't match 'state' dim description. 3 != 2"},
      {[](SequenceState& s) { s.initial_states[0].has_data = false; },
       "initial_state setting expects state'IN' to have state_data set"},
      {[](SequenceState& s) { s.dtype = DType::Int64; },
       "unable to load model 'm', configuration expects datatype TYPE_INT64 for input state 'IN', "
       "model provides TYPE_INT32"},
      {[](SequenceState& s) { s.dims = {3}; },
       "unable to load model 'm', input state 'IN': the model has dims [2], but the configuration "
       "declares [3]"},
      {[](SequenceState& s) { s.output = "NONE"; },
       "unable to load model 'm', the state's output 'NONE' is none of the model's outputs"},
  };
  for (const auto& [spoil, sentence] : cases) {
    config_.sequence_batching->states[0] = good;
    spoil(config_.sequence_batching->states[0]);
    EXPECT_EQ(refusal(), sentence);
  }
  config_.sequence_batching->states = {good, good};
  EXPECT_EQ(refusal(), "State input name 'IN' specified more than once.");
}

}  // namespace
}  // namespace neso
