// SPDX-License-Identifier: Apache-2.0
// What `neso doctor` found out about a model: data, its two forms in writing, and the verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/agreement.h"
#include "model/reference_agreement.h"

namespace neso {

struct Fact {
  std::string name;  // "max_tokens": JSON's key; with blanks in the text
  std::variant<std::string, uint64_t, bool> value;
  std::string note = {};  // for people
};

struct FactSection {
  std::string name;
  std::vector<Fact> facts;
};

// One engine in one precision. What is not known is left out: of a model without tokenizer the
// cosines, of ONNX Runtime what our engine alone has.
struct PrecisionRow {
  std::string engine;     // "cpu", "onnx"
  std::string precision;  // "fp32", ...; "as exported"
  std::string problem = {};
  std::optional<Agreement> to_fp32 = {};  // over the probe texts
  std::optional<double> neighbours_kept = {};
  std::optional<ReferenceAgreement> references = {};
  std::optional<double> tokens_per_s = {};
  std::optional<double> short_text_ms = {};
  std::optional<uint64_t> weights_bytes = {};
  std::optional<double> roof_share = {};
};

// "fp32", or the engine where the precision says nothing.
std::string name_of(const PrecisionRow& row);

struct DoctorReport {
  std::string model;
  std::vector<FactSection> sections;
  std::vector<PrecisionRow> rows;
  std::string default_precision;  // our engine's when nobody chooses; empty: it does not encode
  std::string default_reason;
  size_t probes = 0;       // texts that the cosines are over
  size_t long_tokens = 0;  // a text's, for tokens_per_s
  size_t short_tokens = 0;
  std::vector<std::string> warnings;
  std::vector<std::string> problems;  // any: the model should not serve like this

  bool well() const { return problems.empty(); }
};

// "well: ..." or "not well: ...", one line.
std::string verdict(const DoctorReport& report);
// Sections, the table, warnings, and the verdict as the last line.
std::string report_text(const DoctorReport& report);
// The same as one JSON object.
std::string report_json(const DoctorReport& report);

}  // namespace neso
