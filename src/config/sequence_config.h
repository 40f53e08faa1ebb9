// SPDX-License-Identifier: Apache-2.0
// What config.pbtxt says in sequence_batching: requests that belong together run one after another,
// and the graph gets control tensors, and the state that it gave for the request before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace neso {

enum class SequenceControlKind { Start, End, Ready, CorrelationId };

// An input of the graph, of shape [1], that the server fills in.
struct SequenceControl {
  SequenceControlKind kind = SequenceControlKind::Start;
  std::string input;
  DType dtype = DType::Int32;
  // Of a control that is true or false; an int32, a float and a bool are all exact in a double.
  double false_value = 0;
  double true_value = 1;
};

// What a state is when its sequence starts.
struct InitialState {
  std::string name;
  DType dtype = DType::Fp32;
  Shape dims;
  bool has_data = false;  // zeros, or a file
  std::string data_file;  // below the model's folder initial_state/; empty: zeros
};

// An output of the graph that becomes its input in the sequence's next request.
struct SequenceState {
  std::string input;
  std::string output;
  DType dtype = DType::Fp32;
  Shape dims;                                // without the batch dimension
  std::vector<InitialState> initial_states;  // at most one is allowed
};

struct SequenceBatching {
  uint64_t max_idle_us = 1'000'000;  // then a sequence ends by itself
  std::vector<SequenceControl> controls;
  std::vector<SequenceState> states;
  size_t graph_inputs() const { return controls.size() + states.size(); }  // of the server's
  // Sequences that have a slot at a time, for each instance; 0: as many as a batch has rows.
  size_t slots = 0;
  // Ready requests wait at most so long for others: until they are as many as one of `enough`
  // (ascending). Then that many run together, or all that are there.
  uint64_t max_queue_delay_us = 0;
  std::vector<size_t> enough;
  bool all_beyond_enough = false;
  bool preserve_ordering = false;  // answers leave in the order in which their requests had a turn
};

}  // namespace neso
