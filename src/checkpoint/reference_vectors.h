// SPDX-License-Identifier: Apache-2.0
// reference_vectors.json of a model folder: texts and the vectors that the reference library makes
// of them (tools/make_reference_vectors.py writes it; docs/formats/model-folder.md tells the form).
// What a model that is served must agree with.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neso {

inline constexpr std::string_view kReferenceVectorsFile = "reference_vectors.json";

struct ReferenceVector {
  std::string text;
  std::optional<std::string> prompt_name;  // of the model's prompts; empty: its default
  std::vector<float> values;               // finite, not all zero
};

struct ReferenceVectors {
  std::filesystem::path file;
  std::string made_by;                   // for people; empty: it does not say
  std::vector<ReferenceVector> vectors;  // 1 to kMostReferenceVectors, all of the same width
  size_t width() const { return vectors.front().values.size(); }
};

// Every load runs them all: enough for one of each kind, few enough not to be waited for.
inline constexpr size_t kMostReferenceVectors = 256;
inline constexpr size_t kMostReferenceValues = 65536;     // of one vector
inline constexpr size_t kMostReferenceTextBytes = 65536;  // of one text

// Reads and validates; NotFound when it is not there. Errors name the file and the vector.
Result<ReferenceVectors> read_reference_vectors(const std::filesystem::path& file);

}  // namespace neso
