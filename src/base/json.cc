// SPDX-License-Identifier: Apache-2.0
// The only includer of RapidJSON. Its iterative parser keeps the nesting off the call stack.
// Numbers are taken as text and converted here, because both of its conversions to double read
// outside their tables for some inputs (1.1.0). What it lets through although our contract refuses
// it (lone low surrogates, text after a NUL) is caught here too.
#include "base/json.h"

#include <rapidjson/encodedstream.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/find_byte.h"

namespace neso {
namespace {

using Stream = rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream>;

constexpr unsigned kAscii = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
constexpr unsigned kUtf8 = kAscii | rapidjson::kParseValidateEncodingFlag;
constexpr unsigned kAsciiWithWords = kAscii | rapidjson::kParseNanAndInfFlag;
constexpr unsigned kUtf8WithWords = kUtf8 | rapidjson::kParseNanAndInfFlag;

bool is_ascii(std::string_view text) {
  return find_byte(text, 0, [](auto byte) { return byte >= 0x80; }) == text.size();
}

Error parse_error(rapidjson::ParseErrorCode code, size_t offset) {
  return invalid_argument("{} at {}", rapidjson::GetParseError_En(code), offset);
}

// True when the otherwise valid UTF-8 holds a code point of the surrogate range: ED A0..BF xx.
bool has_surrogate(std::string_view text) {
  for (size_t at = text.find('\xed'); at != std::string_view::npos;
       at = text.find('\xed', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0) return true;
  }
  return false;
}

// The power of ten of a JSON number's first digit that is not 0: 2 for 123.4, -2 for 0.00123e1.
int64_t decimal_magnitude(std::string_view number) {
  const size_t e = std::min(number.find_first_of("eE"), number.size());
  int64_t exponent = 0;
  if (e < number.size()) {
    std::string_view digits = number.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    constexpr int64_t kHuge = int64_t{1} << 40;  // more than digits fit into memory
    if (read.ec != std::errc()) exponent = digits.starts_with('-') ? -kHuge : kHuge;
  }
  const auto point = static_cast<int64_t>(std::min(number.find('.'), e));
  const auto first = static_cast<int64_t>(number.find_first_of("123456789"));
  return exponent + (first < point ? point - first - 1 : point - first);
}

// The nearest double; too small is 0, too large is nullopt.
std::optional<double> to_double(std::string_view number) {
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec != std::errc::result_out_of_range) return value;
  if (decimal_magnitude(number) > 0) return std::nullopt;
  return number.starts_with('-') ? -0.0 : 0.0;
}

std::optional<double> to_non_finite(std::string_view word) {
  const bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (word != "Inf" && word != "Infinity") return std::nullopt;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return negative ? -kInfinity : kInfinity;
}

// Translates RapidJSON's events into ours and keeps the error that stopped the parse.
class EventForwarder {
 public:
  EventForwarder(std::string_view text, const Stream& stream, JsonHandler& handler, int max_depth)
      : text_(text), stream_(stream), handler_(handler), max_depth_(max_depth) {}

  std::optional<Error> take_error() { return std::move(error_); }

  // RapidJSON's handler concept; the names are its own.
  bool Null() { return pass(handler_.null()); }
  bool Bool(bool value) { return pass(handler_.boolean(value)); }
  bool RawNumber(const char* value, rapidjson::SizeType length, bool) {
    const std::string_view text(value, length);
    if (text.find_first_of("NI") != std::string_view::npos) {
      if (const auto number = to_non_finite(text)) return pass(handler_.number(*number, text));
      return fail(rapidjson::kParseErrorValueInvalid, stream_.Tell() - length);
    }
    if (text.find_first_of(".eE") == std::string_view::npos) {
      int64_t integer = 0;
      if (read_integer(text, integer)) return pass(handler_.integer(integer));
      uint64_t large = 0;
      if (read_integer(text, large)) return pass(handler_.large_unsigned(large));
    }
    if (const auto number = to_double(text)) return pass(handler_.number(*number, text));
    return fail(rapidjson::kParseErrorNumberTooBig, stream_.Tell() - length);
  }
  // Not called: all numbers arrive as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }
  bool String(const char* value, rapidjson::SizeType length, bool) {
    return check_surrogates({value, length}) && pass(handler_.string({value, length}));
  }
  bool Key(const char* name, rapidjson::SizeType length, bool) {
    return check_surrogates({name, length}) && pass(handler_.key({name, length}));
  }
  bool StartObject() { return descend() && pass(handler_.begin_object()); }
  bool EndObject(rapidjson::SizeType) {
    --depth_;
    return pass(handler_.end_object());
  }
  bool StartArray() { return descend() && pass(handler_.begin_array()); }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    return pass(handler_.end_array());
  }

 private:
  template <typename Integer>
  static bool read_integer(std::string_view text, Integer& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  }

  bool fail(Error error) {
    error_ = std::move(error);
    return false;
  }
  bool fail(rapidjson::ParseErrorCode code, size_t offset) {
    return fail(parse_error(code, offset));
  }
  bool pass(Result<> result) {
    previous_end_ = stream_.Tell();
    return result.has_value() || fail(std::move(result).error());
  }
  bool descend() {
    if (++depth_ <= max_depth_) return true;
    return fail(
        invalid_argument("JSON nesting depth exceeds maximum allowed limit ({})", max_depth_));
  }
  // RapidJSON decodes a lone \uDC00..\uDFFF into invalid UTF-8; the raw text says where it stands.
  bool check_surrogates(std::string_view value) {
    if (!has_surrogate(value)) return true;
    return fail(rapidjson::kParseErrorStringUnicodeSurrogateInvalid, lone_low_surrogate());
  }
  size_t lone_low_surrogate() const {
    size_t at = previous_end_;
    while (at + 3 < text_.size()) {
      if (text_[at] != '\\') {
        ++at;
      } else if (text_[at + 1] != 'u') {
        at += 2;
      } else if (text_[at + 2] == 'd' || text_[at + 2] == 'D') {
        const int digit = text_[at + 3] | 0x20;  // lower case
        if (digit >= 'c') return at;
        at += digit >= '8' ? 12 : 6;  // 8 to b begin a pair, which is two escapes
      } else {
        at += 6;
      }
    }
    return previous_end_;
  }

  std::string_view text_;
  const Stream& stream_;
  JsonHandler& handler_;
  const int max_depth_;
  int depth_ = 0;
  size_t previous_end_ = 0;  // offset behind the event before the current one
  std::optional<Error> error_;
};

template <unsigned kFlags>
Result<> run_parser(std::string_view text, JsonHandler& handler, const JsonOptions& options) {
  rapidjson::MemoryStream memory(text.data(), text.size());
  Stream stream(memory);
  EventForwarder events(text, stream, handler, options.max_depth);
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed = reader.Parse<kFlags>(stream, events);
  if (auto error = events.take_error()) return *std::move(error);
  if (parsed.IsError()) return parse_error(parsed.Code(), parsed.Offset());
  // The parser takes a NUL byte for the end of the text.
  if (stream.Tell() != text.size()) {
    return parse_error(rapidjson::kParseErrorDocumentRootNotSingular, stream.Tell());
  }
  return {};
}

// Builds the tree bottom-up: a stack of open containers, each moved into its parent when it closes.
class TreeBuilder final : public JsonHandler {
 public:
  JsonValue take_root() { return std::move(root_); }

  Result<> null() override { return add(nullptr); }
  Result<> boolean(bool value) override { return add(value); }
  Result<> integer(int64_t value) override { return add(value); }
  Result<> large_unsigned(uint64_t value) override { return add(value); }
  Result<> number(double value, std::string_view) override { return add(value); }
  Result<> string(std::string_view value) override { return add(std::string(value)); }
  Result<> key(std::string_view name) override {
    open_.back().key = name;
    return {};
  }
  Result<> begin_object() override { return open(JsonMembers{}); }
  Result<> end_object() override { return close(); }
  Result<> begin_array() override { return open(JsonArray{}); }
  Result<> end_array() override { return close(); }

 private:
  struct Open {
    JsonValue::Data container;
    std::string key;  // of the member whose value comes next
  };

  Result<> open(JsonValue::Data container) {
    open_.push_back({std::move(container), {}});
    return {};
  }
  Result<> close() {
    JsonValue::Data closed = std::move(open_.back().container);
    open_.pop_back();
    return add(std::move(closed));
  }
  Result<> add(JsonValue::Data data) {
    JsonValue value(std::move(data));
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* members = std::get_if<JsonMembers>(&open_.back().container)) {
      members->emplace_back(std::move(open_.back().key), std::move(value));
    } else {
      std::get<JsonArray>(open_.back().container).push_back(std::move(value));
    }
    return {};
  }

  std::vector<Open> open_;
  JsonValue root_;
};

}  // namespace

std::optional<bool> JsonValue::as_bool() const {
  const bool* value = std::get_if<bool>(&data_);
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<uint64_t> JsonValue::as_unsigned() const {
  if (const auto* large = std::get_if<uint64_t>(&data_)) return *large;
  const auto number = as_int();
  if (!number || *number < 0) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

std::optional<int64_t> JsonValue::as_int() const {
  const int64_t* value = std::get_if<int64_t>(&data_);
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<double> JsonValue::as_double() const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<int64_t>(&data_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<uint64_t>(&data_)) return static_cast<double>(*value);
  return std::nullopt;
}

std::optional<std::string_view> JsonValue::as_string() const {
  const std::string* value = std::get_if<std::string>(&data_);
  return value != nullptr ? std::optional<std::string_view>(*value) : std::nullopt;
}

const JsonArray& JsonValue::array() const {
  static const JsonArray empty;
  const JsonArray* value = std::get_if<JsonArray>(&data_);
  return value != nullptr ? *value : empty;
}

const JsonMembers& JsonValue::members() const {
  static const JsonMembers empty;
  const JsonMembers* value = std::get_if<JsonMembers>(&data_);
  return value != nullptr ? *value : empty;
}

const JsonValue* JsonValue::find(std::string_view key) const {
  for (const auto& [name, value] : members()) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<> stream_json(std::string_view text, JsonHandler& handler, const JsonOptions& options) {
  // The parser would skip it; JSON texts must not start with one (RFC 8259, 8.1).
  if (text.starts_with("\xEF\xBB\xBF")) {
    return invalid_argument("The document starts with a byte order mark. at 0");
  }
  // Validating takes as long as the rest, and most texts have nothing to validate.
  if (is_ascii(text)) {
    if (options.allow_nan_and_inf) return run_parser<kAsciiWithWords>(text, handler, options);
    return run_parser<kAscii>(text, handler, options);
  }
  if (options.allow_nan_and_inf) return run_parser<kUtf8WithWords>(text, handler, options);
  return run_parser<kUtf8>(text, handler, options);
}

Result<JsonValue> parse_json(std::string_view text, const JsonOptions& options) {
  TreeBuilder builder;
  NESO_TRY_VOID(stream_json(text, builder, options));
  return builder.take_root();
}

}  // namespace neso
