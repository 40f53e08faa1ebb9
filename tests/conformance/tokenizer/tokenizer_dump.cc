// SPDX-License-Identifier: Apache-2.0
// tokenizer_dump TOKENIZER_JSON: reads one JSON object a line from standard input,
//   {"text": "...", "max_tokens": 16, "side": "left", "add_special_tokens": false}   (all but text
//   may be absent)
// and prints {"ids": [...], "type_ids": [...], "original_tokens": n} for each. Stops at the first
// error with status 1.
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "tokenizer/tokenizer.h"

namespace {

using neso::EncodeOptions;
using neso::Encoding;
using neso::JsonValue;
using neso::Result;

EncodeOptions options_of(const JsonValue& request) {
  EncodeOptions options;
  if (const JsonValue* value = request.find("max_tokens")) {
    options.max_tokens = static_cast<size_t>(value->as_int().value_or(0));
  }
  if (const JsonValue* value = request.find("side"); value && value->as_string() == "left") {
    options.side = neso::TruncationSide::Left;
  }
  if (const JsonValue* value = request.find("add_special_tokens")) {
    options.add_special_tokens = value->as_bool().value_or(true);
  }
  return options;
}

std::string to_json(const Encoding& encoding) {
  neso::JsonWriter json;
  json.begin_object();
  json.key("ids").begin_array();
  for (const int32_t id : encoding.ids) json.integer(id);
  json.end_array().key("type_ids").begin_array();
  for (const int32_t id : encoding.type_ids) json.integer(id);
  json.end_array().key("original_tokens").unsigned_integer(encoding.original_tokens).end_object();
  return std::move(json).text();
}

Result<> dump(const char* path) {
  NESO_TRY(const auto tokenizer, neso::Tokenizer::load(path));
  for (std::string line; std::getline(std::cin, line);) {
    NESO_TRY(const JsonValue request, neso::parse_json(line));
    const JsonValue* text = request.find("text");
    if (!text || !text->is_string())
      return neso::invalid_argument("a line has no string \"text\": {}", line);
    NESO_TRY(const Encoding encoding, tokenizer->encode(*text->as_string(), options_of(request)));
    std::cout << to_json(encoding) << '\n';
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  if (argc != 2) {
    std::cerr << "usage: tokenizer_dump TOKENIZER_JSON < requests\n";
    return 2;
  }
  if (const auto result = dump(argv[1]); !result) {
    std::cerr << result.error().message << '\n';
    return 1;
  }
  return 0;
}
