// SPDX-License-Identifier: Apache-2.0
// Texts from files or standard input, one per line, in bounded memory whatever the size of the
// input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace neso {

struct TextLine {
  uint64_t number = 0;       // in its file, from 1
  Result<std::string> text;  // or why this line gives none; the next one is unaffected
};

// Reads one file after another. A file whose first line is a JSON object with a string member
// `text` is read as JSON lines throughout; any other as plain lines. One thread.
class TextReader {
 public:
  // "-" is standard input; no path at all: standard input.
  explicit TextReader(std::vector<std::string> paths);
  ~TextReader();
  TextReader(const TextReader&) = delete;
  TextReader& operator=(const TextReader&) = delete;

  // The next line of the input without its end; nullopt at the end of all files. An unreadable file
  // is an error that names it.
  Result<std::optional<TextLine>> next();

  uint64_t bytes_read() const { return bytes_read_; }

  static constexpr size_t kMaxLineBytes = size_t{16} << 20;

 private:
  Result<bool> open_next();
  // False at the end of the file. Longer lines are cut to kMaxLineBytes + 1 and the rest is
  // skipped.
  bool read_line(std::string& line);
  Result<std::string> text_of(std::string line);

  std::vector<std::string> paths_;
  size_t next_path_ = 0;
  std::FILE* file_ = nullptr;
  std::string name_;
  uint64_t line_number_ = 0;
  uint64_t bytes_read_ = 0;
  bool json_lines_ = false;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace neso
