// SPDX-License-Identifier: Apache-2.0
#include "app/bench_report.h"

#include <fmt/format.h>

#include "app/version.h"
#include "base/json_writer.h"
#include "simd/cpu.h"

namespace neso {

std::string table_head() {
  return fmt::format("{:<9} {:<6} {:<9} {:<12} {:>7} {:>10} {:>9} {:>9} {:>9} {:>6} {:>7} {:>10}\n",
                     "case", "engine", "precision", "isa", "threads", "tokens/s", "texts/s",
                     "ms p50", "ms p99", "ratio", "of roof", "min cosine");
}

std::string table_line(const BenchRow& row) {
  const BenchFigures& figures = row.figures;
  const BenchEngine& entry = *row.engine;
  std::string line = fmt::format(
      "{:<9} {:<6} {:<9} {:<12} {:>7} {:>10.0f} {:>9.1f} {:>9.3f} {:>9.3f} {:>6.2f} {:>7} "
      "{:>10.7f}\n",
      row.case_name, entry.label, entry.precision, entry.isa ? to_string(*entry.isa) : "",
      entry.threads, figures.tokens_per_s, figures.texts_per_s, figures.ms_p50, figures.ms_p99,
      figures.ratio, row.roof_share > 0 ? fmt::format("{:.0f} %", row.roof_share * 100) : "",
      row.cosine);
  if (row.profile.empty()) return line;
  line += "          ";
  for (const auto& [operation, share] : row.profile)
    line += fmt::format("{}{} {:.1f} %", line.back() == ' ' ? "" : ", ", operation, share * 100);
  return line + "\n";
}

std::string json_line(const BenchRow& row) {
  const BenchFigures& figures = row.figures;
  const BenchEngine& entry = *row.engine;
  JsonWriter writer;
  writer.begin_object();
  writer.key("case").string(row.case_name);
  writer.key("engine").string(entry.label);
  writer.key("precision").string(entry.precision);
  writer.key("isa");
  entry.isa ? writer.string(to_string(*entry.isa)) : writer.null();
  writer.key("threads").unsigned_integer(entry.threads);
  writer.key("tokens_per_s").number(figures.tokens_per_s);
  writer.key("texts_per_s").number(figures.texts_per_s);
  writer.key("ms_p50").number(figures.ms_p50);
  writer.key("ms_p99").number(figures.ms_p99);
  writer.key("ratio").number(figures.ratio);
  if (row.roof_share > 0) writer.key("roof_share").number(row.roof_share);
  writer.key("rounds").unsigned_integer(figures.rounds);
  writer.key("min_cosine").number(row.cosine);
  if (!row.profile.empty()) {
    writer.key("profile").begin_object();
    for (const auto& [operation, share] : row.profile) writer.key(operation).number(share);
    writer.end_object();
  }
  writer.key("neso").string(kVersion);
  writer.end_object();
  return std::move(writer).text() + "\n";
}

std::string table_line(Isa isa, size_t threads, const MachinePeak& peak) {
  return fmt::format(
      "peak of {} thread{}, {}: fp32 {:.0f} GFLOP/s, bf16 {:.0f} GFLOP/s, int8 {:.0f} GOP/s, "
      "memory {:.1f} GB/s\n",
      threads, threads == 1 ? "" : "s", to_string(isa), peak.fp32_flops * 1e-9,
      peak.bf16_flops * 1e-9, peak.int8_ops * 1e-9, peak.read_bytes * 1e-9);
}

std::string json_line(Isa isa, size_t threads, const MachinePeak& peak) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("case").string("peak");
  writer.key("isa").string(to_string(isa));
  writer.key("threads").unsigned_integer(threads);
  writer.key("fp32_gflops").number(peak.fp32_flops * 1e-9);
  writer.key("bf16_gflops").number(peak.bf16_flops * 1e-9);
  writer.key("int8_gops").number(peak.int8_ops * 1e-9);
  writer.key("read_gb_per_s").number(peak.read_bytes * 1e-9);
  writer.end_object();
  return std::move(writer).text() + "\n";
}

}  // namespace neso
