// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "app/version.h"
#include "base/json_writer.h"

namespace neso {
namespace {

std::string value_text(const Fact& fact) {
  if (const auto* text = std::get_if<std::string>(&fact.value)) return *text;
  if (const auto* flag = std::get_if<bool>(&fact.value)) return *flag ? "yes" : "no";
  return fmt::format("{}", std::get<uint64_t>(fact.value));
}

// Either the number or what stands in the place of one that is not known.
template <class T>
std::string cell(const std::optional<T>& value, std::string_view format, double factor = 1) {
  if (!value) return "-";
  return fmt::format(fmt::runtime(format), static_cast<double>(*value) * factor);
}

std::vector<std::string> cells(const PrecisionRow& row) {
  std::optional<double> mean;
  std::optional<double> least;
  if (row.to_fp32) {
    mean = row.to_fp32->mean;
    least = row.to_fp32->least;
  }
  std::optional<double> reference;
  if (row.references) reference = row.references->cosines.least;
  constexpr double kMiB = 1.0 / (1 << 20);
  return {row.engine,
          row.precision,
          cell(mean, "{:.6f}"),
          cell(least, "{:.6f}"),
          cell(row.neighbours_kept, "{:.2f}", 10),
          cell(reference, "{:.6f}"),
          cell(row.tokens_per_s, "{:.0f}"),
          cell(row.short_text_ms, "{:.2f}"),
          cell(row.weights_bytes, "{:.1f}", kMiB),
          cell(row.roof_share, "{:.0f} %", 100)};
}

// Columns as wide as their widest cell; the first two to the left.
std::string table(const DoctorReport& report) {
  std::vector<std::vector<std::string>> lines = {
      {"", "", "cosine to", "fp32", "of 10", "reference", "tokens/s",
       fmt::format("{} tokens", report.short_tokens), "weights", "share"},
      {"engine", "precision", "mean", "least", "near", "least",
       fmt::format("at {}", report.long_tokens), "ms", "MiB", "of peak"}};
  for (const PrecisionRow& row : report.rows) lines.push_back(cells(row));
  std::vector<size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (size_t i = 0; i < line.size(); ++i) {
      row += i < 2 ? fmt::format("  {:<{}}", line[i], widths[i])
                   : fmt::format("  {:>{}}", line[i], widths[i]);
    }
    text += row + "\n";
  }
  return text;
}

void write_fact(JsonWriter& writer, const Fact& fact) {
  writer.key(fact.name);
  if (const auto* text = std::get_if<std::string>(&fact.value)) {
    writer.string(*text);
  } else if (const auto* flag = std::get_if<bool>(&fact.value)) {
    writer.boolean(*flag);
  } else {
    writer.unsigned_integer(std::get<uint64_t>(fact.value));
  }
}

void write_row(JsonWriter& writer, const PrecisionRow& row) {
  const auto number = [&](std::string_view key, const std::optional<double>& value) {
    if (!value) return;
    writer.key(key);
    std::isfinite(*value) ? writer.number(*value) : writer.null();
  };
  writer.begin_object();
  writer.key("engine").string(row.engine);
  writer.key("precision").string(row.precision);
  if (!row.problem.empty()) writer.key("problem").string(row.problem);
  if (row.to_fp32) {
    number("cosine_mean", row.to_fp32->mean);
    number("cosine_least", row.to_fp32->least);
  }
  number("neighbours_kept", row.neighbours_kept);
  if (row.references) {
    number("reference_cosine_mean", row.references->cosines.mean);
    number("reference_cosine_least", row.references->cosines.least);
    number("reference_bound", row.references->bound);
  }
  number("tokens_per_s", row.tokens_per_s);
  number("short_text_ms", row.short_text_ms);
  if (row.weights_bytes) writer.key("weights_bytes").unsigned_integer(*row.weights_bytes);
  number("roof_share", row.roof_share);
  writer.end_object();
}

void write_list(JsonWriter& writer, std::string_view key, const std::vector<std::string>& list) {
  writer.key(key).begin_array();
  for (const std::string& sentence : list) writer.string(sentence);
  writer.end_array();
}

}  // namespace

std::string name_of(const PrecisionRow& row) {
  return row.engine == "cpu" ? row.precision : row.engine;
}

std::string verdict(const DoctorReport& report) {
  if (!report.well()) return fmt::format("not well: {}", fmt::join(report.problems, "; "));
  std::vector<std::string> names;
  for (const PrecisionRow& row : report.rows) names.push_back(name_of(row));
  const std::string warned = report.warnings.empty()
                                 ? std::string()
                                 : fmt::format("; {} warning{} above", report.warnings.size(),
                                               report.warnings.size() == 1 ? "" : "s");
  return fmt::format("well: '{}' can be served ({}){}", report.model, fmt::join(names, ", "),
                     warned);
}

std::string report_text(const DoctorReport& report) {
  std::string text = fmt::format("model '{}'\n", report.model);
  for (const FactSection& section : report.sections) {
    text += fmt::format("\n{}\n", section.name);
    for (const Fact& fact : section.facts) {
      std::string name = fact.name;
      std::ranges::replace(name, '_', ' ');
      text += fmt::format("  {:<18} {}{}\n", name, value_text(fact),
                          fact.note.empty() ? "" : fmt::format("  ({})", fact.note));
    }
  }
  if (!report.rows.empty()) {
    text += fmt::format("\nprecisions, over {} probe texts\n{}", report.probes, table(report));
  }
  if (!report.default_precision.empty()) {
    text += fmt::format("  served in {} unless told otherwise: {}\n", report.default_precision,
                        report.default_reason);
  }
  if (!report.warnings.empty()) text += "\nwarnings\n";
  for (const std::string& warning : report.warnings) text += fmt::format("  {}\n", warning);
  return text + fmt::format("\n{}\n", verdict(report));
}

std::string report_json(const DoctorReport& report) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("model").string(report.model);
  writer.key("neso").string(kVersion);
  for (const FactSection& section : report.sections) {
    writer.key(section.name).begin_object();
    for (const Fact& fact : section.facts) write_fact(writer, fact);
    writer.end_object();
  }
  writer.key("probes").unsigned_integer(report.probes);
  writer.key("long_tokens").unsigned_integer(report.long_tokens);
  writer.key("short_tokens").unsigned_integer(report.short_tokens);
  writer.key("precisions").begin_array();
  for (const PrecisionRow& row : report.rows) write_row(writer, row);
  writer.end_array();
  if (!report.default_precision.empty()) {
    writer.key("default_precision").string(report.default_precision);
    writer.key("default_reason").string(report.default_reason);
  }
  write_list(writer, "warnings", report.warnings);
  write_list(writer, "problems", report.problems);
  writer.key("well").boolean(report.well());
  writer.key("verdict").string(verdict(report));
  writer.end_object();
  return std::move(writer).text();
}

}  // namespace neso
