// SPDX-License-Identifier: Apache-2.0
#include "load/tally.h"

#include "base/cut_text.h"
#include "base/json.h"

namespace neso::load {
namespace {

constexpr size_t kMaxSentenceBytes = 300;

std::string one_line(std::string_view text) {
  std::string line(cut_text(text, kMaxSentenceBytes));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

}  // namespace

std::string_view to_string(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::Good:
      return "good";
    case OutcomeKind::Connect:
      return "connect";
    case OutcomeKind::Reset:
      return "reset";
    case OutcomeKind::Timeout:
      return "timeout";
    case OutcomeKind::Malformed:
      return "malformed";
    case OutcomeKind::Status:
      return "status";
    case OutcomeKind::Rows:
      return "rows";
  }
  return "unknown";
}

void Tally::add(const Outcome& outcome, int64_t latency_ns) {
  if (outcome.kind == OutcomeKind::Good) return latency.record(latency_ns);
  ErrorCount& error = errors[{outcome.kind, outcome.status}];
  if (++error.count == 1) error.example = sentence_in(outcome.text);
}

void Tally::merge(const Tally& other) {
  latency.merge(other.latency);
  finished += other.finished;
  for (const auto& [key, error] : other.errors) {
    ErrorCount& mine = errors[key];
    if (mine.count == 0) mine.example = error.example;
    mine.count += error.count;
  }
}

uint64_t Tally::error_count() const {
  uint64_t count = 0;
  for (const auto& [key, error] : errors) count += error.count;
  return count;
}

std::string sentence_in(std::string_view body) {
  if (const auto json = parse_json(body)) {
    const JsonValue* error = json->find("error");
    if (error != nullptr && error->is_object()) error = error->find("message");
    if (error != nullptr && error->is_string()) return one_line(*error->as_string());
  }
  // Whoever reads our JSON expects UTF-8, which this may not be.
  std::string line = one_line(body);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return line;
}

}  // namespace neso::load
