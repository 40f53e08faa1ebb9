// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/ort_error.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include "base/error.h"

namespace neso {
namespace {

struct Failure {
  OrtErrorCode code;
  std::string message;
};

Failure take(const OrtApi& api, OrtStatus* status) {
  const std::unique_ptr<OrtStatus, void (*)(OrtStatus*)> owner(status, api.ReleaseStatus);
  return {api.GetErrorCode(status), clean_ort_message(api.GetErrorMessage(status))};
}

ErrorCode run_code(OrtErrorCode code) {
  return code == ORT_INVALID_ARGUMENT ? ErrorCode::InvalidArgument : ErrorCode::Internal;
}

// The codes that kernels give for values and sizes that do not fit, and not for what they lack.
bool may_be_the_inputs(OrtErrorCode code) {
  return code == ORT_FAIL || code == ORT_INVALID_ARGUMENT || code == ORT_RUNTIME_EXCEPTION;
}

// ONNX Runtime has no code for that, only these words.
bool means_no_memory(std::string_view message) {
  return message.find("std::bad_alloc") != std::string_view::npos ||
         message.find("Failed to allocate memory") != std::string_view::npos;
}

ErrorCode load_code(OrtErrorCode code) {
  switch (code) {
    case ORT_NOT_IMPLEMENTED:
      return ErrorCode::Unsupported;
    case ORT_RUNTIME_EXCEPTION:
    case ORT_EP_FAIL:
    case ORT_ENGINE_ERROR:
      return ErrorCode::Internal;
    default:
      return ErrorCode::InvalidArgument;
  }
}

// The end of "type Class::function(arguments) const [with T = int] " at the front of `text`, or 0
// if there is none.
size_t signature_end(std::string_view text) {
  const size_t open = text.find('(');
  if (open == std::string_view::npos || text.substr(0, open).find("::") == std::string_view::npos)
    return 0;
  size_t end = open;
  for (int depth = 0; end < text.size(); ++end) {
    if (text[end] == '(') ++depth;
    if (text[end] == ')' && --depth == 0) break;
  }
  if (end == text.size()) return 0;
  ++end;
  if (text.substr(end).starts_with(" const")) end += 6;
  if (text.substr(end).starts_with(" [with ")) {
    const size_t close = text.find(']', end);
    if (close != std::string_view::npos) end = close + 1;
  }
  return end;
}

bool ends_token(char c) {
  return std::string_view(" \t\r\n\"'(),;=[]{}").find(c) != std::string_view::npos;
}

// "core/x.h:91", with or without folders.
bool is_source_location(std::string_view token) {
  const size_t colon = token.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == token.size()) return false;
  if (token.find_first_not_of("0123456789", colon + 1) != std::string_view::npos) return false;
  const std::string_view file = token.substr(0, colon);
  return file.ends_with(".cc") || file.ends_with(".h") || file.ends_with(".cpp") ||
         file.ends_with(".hpp");
}

// An absolute path to a file loses its folders. A node's name ("/encoder/layer.0/MatMul") has no
// suffix that starts with a letter, so it is no file here.
std::string_view without_folders(std::string_view token) {
  if (!token.starts_with('/')) return token;
  const std::string_view name = token.substr(token.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  const bool is_file =
      dot != std::string_view::npos && dot + 1 < name.size() && std::isalpha(name[dot + 1]) != 0;
  return is_file ? name : token;
}

// The text between the first `before` and the `after` that follows it; `rest` loses all of it.
std::optional<std::string_view> cut_between(std::string_view& rest, std::string_view before,
                                            std::string_view after) {
  const size_t at = rest.find(before);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t start = at + before.size();
  const size_t end = rest.find(after, start);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view found = rest.substr(start, end - start);
  rest.remove_prefix(end + after.size());
  return found;
}

// That memory ran out, or that CUDA or one of its libraries failed.
bool is_about_the_machine(std::string_view text) {
  constexpr std::string_view kWords[] = {"allocate memory", "bad_alloc",   "out of memory",
                                         "CUDA failure",    "CUDA error",  "CUBLAS failure",
                                         "CUDNN failure",   "CUDNN_STATUS"};
  return std::ranges::any_of(
      kWords, [&](std::string_view words) { return text.find(words) != std::string_view::npos; });
}

}  // namespace

std::string clean_ort_message(std::string_view message) {
  std::string out;
  while (!message.empty()) {
    const auto end = std::find_if(message.begin(), message.end(), ends_token);
    const std::string_view token = message.substr(0, static_cast<size_t>(end - message.begin()));
    message.remove_prefix(token.size());
    if (is_source_location(token)) {
      message.remove_prefix(signature_end(message));
    } else {
      out += without_folders(token);
    }
    if (message.empty()) break;
    const char separator = message.front();
    message.remove_prefix(1);
    const bool blank = std::isspace(static_cast<unsigned char>(separator)) != 0;
    if (!blank) out += separator;
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

Result<> ort_check(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return {};
  Failure failure = take(api, status);
  if (means_no_memory(failure.message)) {
    return overloaded("ONNX Runtime got no memory for this request; try again later ({})",
                      failure.message);
  }
  return Error{run_code(failure.code), "ONNX Runtime: " + failure.message};
}

Result<> ort_check_run(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return {};
  const Failure failure = take(api, status);
  if (may_be_the_inputs(failure.code)) {
    if (const auto refused = refused_inputs(failure.message)) {
      return Error{ErrorCode::InvalidArgument, *refused};
    }
  }
  return Error{run_code(failure.code), "ONNX Runtime: " + failure.message};
}

std::optional<std::string> refused_inputs(std::string_view message) {
  std::string_view rest = message;
  const auto kind = cut_between(rest, "while running ", " node.");
  const auto name = cut_between(rest, "Name:'", "' Status Message: ");
  if (!kind || !name || is_about_the_machine(rest)) return std::nullopt;
  // In front of the reason there may be the condition, in C++, that did not hold.
  constexpr std::string_view kCondition = " was false. ";
  const size_t condition = rest.find(kCondition);
  if (condition != std::string_view::npos) rest.remove_prefix(condition + kCondition.size());
  const std::string node =
      name->empty() ? fmt::format("{} node", *kind) : fmt::format("{} node '{}'", *kind, *name);
  return fmt::format(
      "the model's {} cannot compute with these inputs: {}; check that ids lie within the model's "
      "vocabulary and that no input is longer than it takes",
      node, rest);
}

Result<> ort_check_load(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return {};
  Failure failure = take(api, status);
  if (means_no_memory(failure.message)) {
    return overloaded(
        "ONNX Runtime got no memory for the model ({}); serve fewer or smaller models, or give the "
        "server more memory",
        failure.message);
  }
  return Error{load_code(failure.code), "ONNX Runtime refuses the model: " + failure.message};
}

}  // namespace neso
