// SPDX-License-Identifier: Apache-2.0
// What a client changes of the trace settings, read from the words that HTTP and gRPC share. The
// sentences are Triton's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/trace_options.h"

namespace neso {

// What is empty stays as it is; what holds nullopt falls back: a model's to the global setting, a
// global one to the command line.
struct TraceChange {
  template <typename T>
  using Field = std::optional<std::optional<T>>;
  Field<TraceLevel> level;
  Field<uint32_t> rate;
  Field<int32_t> count;
  Field<uint32_t> log_frequency;
};

// The members of a request, as both protocols have them: no values clear a setting.
using TraceWords = std::vector<std::string>;
Result<> read_trace_level(const TraceWords& words, TraceChange& change);
Result<> read_trace_rate(const std::string& word, TraceChange& change);
// `got` ends the sentence about one that is too small: Triton's protocols write it differently.
Result<> read_trace_count(const std::string& word, TraceChange& change, std::string_view got);
Result<> read_log_frequency(const std::string& word, TraceChange& change);
Error trace_file_is_fixed();

// A setting, a name and its words, in Triton's order: what GET answers.
using TraceRows = std::vector<std::pair<std::string, TraceWords>>;
TraceRows trace_rows(const TraceSettings& settings, const TraceOptions& options);

}  // namespace neso
