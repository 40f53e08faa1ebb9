// SPDX-License-Identifier: Apache-2.0
// What became of the requests of a step.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/latency_histogram.h"
#include "load/call.h"

namespace neso::load {

struct ErrorCount {
  uint64_t count = 0;
  std::string example;  // the sentence of the first
};

struct Tally {
  LatencyHistogram latency;  // of the good ones
  uint64_t finished = 0;     // good ones that ended while it was measured: throughput
  // By kind and, for Status, number.
  std::map<std::pair<OutcomeKind, int>, ErrorCount> errors;

  void add(const Outcome& outcome, int64_t latency_ns);
  void merge(const Tally& other);

  uint64_t error_count() const;
  uint64_t requests() const { return latency.count() + error_count(); }
};

// The sentence in the body of an error: its JSON member "error" (a text, or an object with a
// "message"), else the body itself, cut short and on one line.
std::string sentence_in(std::string_view body);

}  // namespace neso::load
