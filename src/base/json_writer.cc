// SPDX-License-Identifier: Apache-2.0
#include "base/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/json_escape.h"
#include "base/run_pieces.h"

namespace neso {
namespace {

// The longest number: sign, 21 digits before the point, ".0" (double); "-1.7976931348623157e-308"
// is as long.
constexpr size_t kMaxNumberBytes = 26;
constexpr int kMaxDigits = 17;

// The decimal point stands within or next to the digits for 10^-6 <= |x| < 10^21, as in ECMAScript.
constexpr int kFirstPlainExponent = -6;
constexpr int kFirstLargeExponent = 21;

char* append(char* out, std::string_view text) {
  return std::copy(text.begin(), text.end(), out);
}

char* append_zeros(char* out, int count) {
  return std::fill_n(out, count, '0');
}

// Prints digits d1 d2 ... dn of the value d1.d2...dn * 10^exponent.
char* layout(char* out, std::string_view digits, int exponent) {
  const int count = static_cast<int>(digits.size());
  if (exponent < kFirstPlainExponent || exponent >= kFirstLargeExponent) {
    *out++ = digits[0];
    if (count > 1) {
      *out++ = '.';
      out = append(out, digits.substr(1));
    }
    *out++ = 'e';
    return std::to_chars(out, out + 5, exponent).ptr;
  }
  if (exponent < 0) {  // 0.000ddd
    out = append(out, "0.");
    out = append_zeros(out, -exponent - 1);
    return append(out, digits);
  }
  const int whole = exponent + 1;  // digits before the point
  if (count <= whole) {            // ddd000.0
    out = append(out, digits);
    out = append_zeros(out, whole - count);
    return append(out, ".0");
  }
  out = append(out, digits.substr(0, static_cast<size_t>(whole)));
  *out++ = '.';
  return append(out, digits.substr(static_cast<size_t>(whole)));
}

// Writes at most kMaxNumberBytes; returns the end.
template <typename Float>
char* print_number(char* out, Float value) {
  if (std::isnan(value)) return append(out, "NaN");
  if (std::signbit(value)) *out++ = '-';
  if (std::isinf(value)) return append(out, "Infinity");
  if (value == 0) return append(out, "0.0");
  // Shortest round trip as d.ddde[+-]xx.
  char scientific[kMaxDigits + 8];
  const char* end = std::to_chars(scientific, scientific + sizeof scientific, std::abs(value),
                                  std::chars_format::scientific)
                        .ptr;
  const char* e = end - 4;  // "e+xx" or "e+xxx"
  if (*e != 'e') --e;
  int exponent = 0;
  for (const char* digit = e + 2; digit != end; ++digit) exponent = exponent * 10 + (*digit - '0');
  if (e[1] == '-') exponent = -exponent;
  // "d" or "d.ddd": the digits without the point.
  const size_t count = e == scientific + 1 ? 1 : static_cast<size_t>(e - scientific) - 1;
  scientific[1] = scientific[0];
  return layout(out, {scientific + 1, count}, exponent);
}

template <typename Float>
void append_number(std::string& out, Float value) {
  char buffer[kMaxNumberBytes];
  out.append(buffer, print_number(buffer, value));
}

// What run_pieces() is given at a time: a good half of a millisecond.
constexpr size_t kNumbersOfAPiece = 16 * 1024;

void append_numbers(std::string& out, std::span<const float> values) {
  constexpr size_t kAtATime = 256;
  constexpr size_t kUsualBytes = 13;  // of a number of eight or nine digits, with its comma
  out.reserve(out.size() + values.size() * kUsualBytes);
  char buffer[kAtATime * (kMaxNumberBytes + 1)];
  while (!values.empty()) {
    char* end = buffer;
    for (const float value : values.first(std::min(kAtATime, values.size()))) {
      end = print_number(end, value);
      *end++ = ',';
    }
    values = values.subspan(std::min(kAtATime, values.size()));
    out.append(buffer, values.empty() ? end - 1 : end);
  }
}

template <typename Integer>
void append_integer(std::string& out, Integer value) {
  char buffer[20];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

}  // namespace

// Every value and key calls this first.
void JsonWriter::separate() {
  if (needs_comma_) out_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::begin_object() {
  separate();
  out_ += '{';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  out_ += '}';
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  separate();
  out_ += '[';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  out_ += ']';
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_json_quoted(out_, name);
  out_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
  separate();
  append_json_quoted(out_, value);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::integer(int64_t value) {
  separate();
  append_integer(out_, value);
  return *this;
}

JsonWriter& JsonWriter::unsigned_integer(uint64_t value) {
  separate();
  append_integer(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  separate();
  append_number(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(float value) {
  separate();
  append_number(out_, value);
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::numbers(std::span<const float> values, ThreadPool* helpers) {
  separate();
  out_ += '[';
  const size_t pieces = (values.size() + kNumbersOfAPiece - 1) / kNumbersOfAPiece;
  if (helpers == nullptr || pieces < 2) {
    append_numbers(out_, values);
  } else {
    std::vector<std::string> printed(pieces);
    run_pieces(helpers, pieces, [&](size_t piece) {
      const auto rest = values.subspan(piece * kNumbersOfAPiece);
      append_numbers(printed[piece], rest.first(std::min(kNumbersOfAPiece, rest.size())));
    });
    size_t bytes = out_.size() + kUsualBytes;  // with what follows
    for (const std::string& text : printed) bytes += text.size() + 1;
    out_.reserve(bytes);
    for (std::string& text : printed) {
      if (&text != &printed.front()) out_ += ',';
      out_ += text;
      std::string().swap(text);
    }
  }
  out_ += ']';
  return *this;
}

}  // namespace neso
