// SPDX-License-Identifier: Apache-2.0
// protobuf's text format, with errors that a person can act on: the position of the word that is
// wrong (protobuf names that of the word after it) and the known name that was probably meant.
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "config/model_config_message.h"
#include "config/nearest_name.h"
#include "config/text_brackets.h"

namespace neso {
namespace {

namespace pb = google::protobuf;

constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // some editors begin UTF-8 with it
constexpr int kMaxNesting = 64;                              // the schema itself is 6 deep

class FirstError : public pb::io::ErrorCollector {
 public:
  // Counted from 0; -1 when protobuf knows no position.
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (!message_.empty()) return;
    line_ = line;
    column_ = column;
    message_ = message;
  }
  void AddWarning(int, pb::io::ColumnNumber, const std::string&) override {}

  int line() const { return line_; }
  int column() const { return column_; }
  const std::string& message() const { return message_; }

 private:
  int line_ = -1;
  int column_ = -1;
  std::string message_;
};

// The offset of protobuf's position, in whose columns a tab reaches to the next multiple of 8.
size_t offset_of(std::string_view text, int line, int column) {
  size_t offset = 0;
  for (int i = 0; i < line; ++i) {
    const size_t newline = text.find('\n', offset);
    if (newline == std::string_view::npos) return text.size();
    offset = newline + 1;
  }
  for (int at = 0; at < column && offset < text.size() && text[offset] != '\n'; ++offset) {
    at += text[offset] == '\t' ? 8 - at % 8 : 1;
  }
  return offset;
}

// The text between the first pair of quotes after `before`.
std::optional<std::string> quoted_after(std::string_view message, std::string_view before) {
  const size_t at = message.find(before);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t start = at + before.size();
  const size_t end = message.find('"', start);
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(message.substr(start, end - start));
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where `word` stands last before `limit`, or at it.
std::optional<size_t> last_word(std::string_view text, std::string_view word, size_t limit) {
  for (size_t at = text.rfind(word, limit); at != std::string_view::npos && !word.empty();
       at = at == 0 ? std::string_view::npos : text.rfind(word, at - 1)) {
    const size_t end = at + word.size();
    const bool starts = at == 0 || !is_word(text[at - 1]);
    if (starts && (end == text.size() || !is_word(text[end]))) return at;
  }
  return std::nullopt;
}

std::vector<std::string> field_names(const std::string& message_type) {
  std::vector<std::string> names;
  const pb::Descriptor* type =
      pb::DescriptorPool::generated_pool()->FindMessageTypeByName(message_type);
  for (int i = 0; type != nullptr && i < type->field_count(); ++i)
    names.push_back(type->field(i)->name());
  return names;
}

// The values that any enum field called `field` takes, in the messages under `type`.
void add_enum_values(const pb::Descriptor& type, const std::string& field,
                     std::vector<std::string>& names) {
  if (const pb::FieldDescriptor* found = type.FindFieldByName(field); found && found->enum_type()) {
    for (int i = 0; i < found->enum_type()->value_count(); ++i) {
      names.push_back(found->enum_type()->value(i)->name());
    }
  }
  for (int i = 0; i < type.nested_type_count(); ++i)
    add_enum_values(*type.nested_type(i), field, names);
}

std::vector<std::string> enum_values(const std::string& field) {
  std::vector<std::string> names;
  const pb::FileDescriptor& file = *inference::ModelConfig::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i)
    add_enum_values(*file.message_type(i), field, names);
  return names;
}

struct Place {
  size_t line, column;  // counted from 1
};

Place place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return {.line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n')),
          .column = offset - (before.rfind('\n') + 1) + 1};  // npos + 1 is 0
}

// What a syntax error at `offset` is in truth, when the brackets do not pair: protobuf notices a
// missing one only later, and calls it something else.
std::optional<Error> bracket_error(std::string_view text, std::string_view source, size_t offset) {
  const auto fault = find_bracket_fault(text);
  if (!fault || fault->open.value_or(fault->at) > offset) return std::nullopt;
  const Place at = place_of(text, fault->at);
  if (!fault->open) {
    return invalid_argument("{}:{}:{}: this {} closes nothing", source, at.line, at.column,
                            text[fault->at]);
  }
  const Place open = place_of(text, *fault->open);
  if (fault->at == text.size()) {
    return invalid_argument("{}:{}:{}: the {} that is opened here is never closed", source,
                            open.line, open.column, text[*fault->open]);
  }
  return invalid_argument(
      "{}:{}:{}: found {}, but the {} opened at line {}, column {} is not closed", source, at.line,
      at.column, text[fault->at], text[*fault->open], open.line, open.column);
}

Error located_error(std::string_view text, std::string_view source, const FirstError& error) {
  std::string message = error.message();
  if (error.line() < 0) return invalid_argument("{}: {}", source, message);

  const auto field = quoted_after(message, "has no field named \"");
  const auto value = quoted_after(message, "Unknown enumeration value of \"");
  const auto& wrong = field ? field : value;
  std::vector<std::string> known;
  if (field) known = field_names(quoted_after(message, "Message type \"").value_or(""));
  if (value) known = enum_values(quoted_after(message, "for field \"").value_or(""));
  size_t offset = offset_of(text, error.line(), error.column());
  if (wrong) {
    offset = last_word(text, *wrong, offset).value_or(offset);
    if (const auto near = nearest_name(*wrong, known))
      message += " Did you mean \"" + *near + "\"?";
  } else if (auto brackets = bracket_error(text, source, offset)) {
    return *std::move(brackets);
  }
  const Place place = place_of(text, offset);
  return invalid_argument("{}:{}:{}: {}", source, place.line, place.column, message);
}

// The path of the first string that is not plain text; empty when all are.
std::string unprintable_field(const pb::Message& message, const std::string& prefix) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      std::string path = field->is_repeated() ? fmt::format("{}{}[{}]", prefix, field->name(), i)
                                              : prefix + field->name();
      if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
        const pb::Message& child = field->is_repeated()
                                       ? reflection.GetRepeatedMessage(message, field, i)
                                       : reflection.GetMessage(message, field);
        if (const std::string found = unprintable_field(child, path + '.'); !found.empty())
          return found;
      } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING) {
        const std::string value = field->is_repeated()
                                      ? reflection.GetRepeatedString(message, field, i)
                                      : reflection.GetString(message, field);
        if (!is_plain_text(value)) return path;
      }
    }
  }
  return {};
}

}  // namespace

bool is_plain_text(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
    };
    const unsigned lead = byte(i);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xC2 ? 0
                          : lead < 0xE0 ? 2
                          : lead < 0xF0 ? 3
                          : lead < 0xF5 ? 4
                                        : 0;
    if (lead == 0 || length == 0) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    const unsigned second =
        byte(i + 1);  // rules out overlong forms, surrogates and what is beyond U+10FFFF
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += length;
  }
  return true;
}

Result<inference::ModelConfig> read_config_json(std::string_view json) {
  if (json.size() > kMaxTextBytes) {
    return too_large(
        "Invalid config override: {} bytes are more than the {} that a model configuration may "
        "have",
        json.size(), kMaxTextBytes);
  }
  // Protobuf's own parser recurses as deep as the text says and reads what is no JSON.
  if (auto read = parse_json(json, {.max_depth = kMaxNesting}); !read)
    return read.error().with_context("Invalid config override");
  inference::ModelConfig config;
  const auto status = pb::util::JsonStringToMessage(std::string(json), &config);
  if (!status.ok())
    return invalid_argument("Invalid config override: {}", std::string(status.message()));
  if (const std::string field = unprintable_field(config, ""); !field.empty())
    return invalid_argument("Invalid config override: {} has a NUL byte", field);
  return config;
}

Result<inference::ModelConfig> read_config_text(std::string_view text, std::string_view source) {
  if (text.size() > kMaxTextBytes) {
    return too_large("{}: {} bytes are more than the {} that a model configuration may have",
                     source, text.size(), kMaxTextBytes);
  }
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return invalid_argument("{}: the file is UTF-16 text; save it as UTF-8", source);
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  inference::ModelConfig config;
  FirstError error;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(kMaxNesting);
  pb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  if (!parser.Parse(&stream, &config)) return located_error(text, source, error);
  if (const std::string field = unprintable_field(config, ""); !field.empty()) {
    return invalid_argument("{}: {} is not UTF-8 text, or has a NUL byte", source, field);
  }
  return config;
}

}  // namespace neso
