// SPDX-License-Identifier: Apache-2.0
#include "app/text_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace neso {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 16;

// The member `text` of a JSON object, or why there is none.
Result<std::string> json_text(const std::string& line) {
  NESO_TRY(const JsonValue value, parse_json(line));
  const JsonValue* member = value.find("text");
  if (member == nullptr || !member->is_string())
    return invalid_argument("the JSON has no string member 'text'");
  return std::string(*member->as_string());
}

}  // namespace

TextReader::TextReader(std::vector<std::string> paths)
    : paths_(std::move(paths)), buffer_(kBufferBytes) {
  if (paths_.empty()) paths_.emplace_back("-");
}

TextReader::~TextReader() {
  if (file_ != nullptr && file_ != stdin) std::fclose(file_);
}

Result<bool> TextReader::open_next() {
  if (file_ != nullptr && file_ != stdin) std::fclose(file_);
  file_ = nullptr;
  if (next_path_ == paths_.size()) return false;
  name_ = paths_[next_path_++];
  file_ = name_ == "-" ? stdin : std::fopen(name_.c_str(), "rb");
  if (file_ == nullptr) return not_found("cannot read '{}': {}", name_, std::strerror(errno));
  line_number_ = 0;
  json_lines_ = false;
  begin_ = end_ = 0;
  return true;
}

bool TextReader::read_line(std::string& line) {
  line.clear();
  bool any = false;
  for (;;) {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = std::fread(buffer_.data(), 1, buffer_.size(), file_);
      bytes_read_ += end_;
      if (end_ == 0) return any;
    }
    any = true;
    const char* start = buffer_.data() + begin_;
    const auto* newline = static_cast<const char*>(std::memchr(start, '\n', end_ - begin_));
    const size_t size = newline != nullptr ? static_cast<size_t>(newline - start) : end_ - begin_;
    line.append(start, std::min(size, kMaxLineBytes + 1 - line.size()));
    begin_ += newline != nullptr ? size + 1 : size;
    if (newline != nullptr) return true;
  }
}

Result<std::string> TextReader::text_of(std::string line) {
  if (line.size() > kMaxLineBytes)
    return too_large("the line is longer than {} MiB", kMaxLineBytes >> 20);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line_number_ == 1 && line.starts_with('{')) json_lines_ = json_text(line).has_value();
  return json_lines_ ? json_text(line) : Result<std::string>(std::move(line));
}

Result<std::optional<TextLine>> TextReader::next() {
  std::string line;
  for (;;) {
    if (file_ != nullptr && read_line(line)) {
      ++line_number_;
      return std::optional<TextLine>(TextLine{line_number_, text_of(std::move(line))});
    }
    if (file_ != nullptr && std::ferror(file_) != 0) {
      return internal_error("reading '{}' stopped after line {}: {}", name_, line_number_,
                            std::strerror(errno));
    }
    NESO_TRY(const bool opened, open_next());
    if (!opened) return std::optional<TextLine>();
  }
}

}  // namespace neso
