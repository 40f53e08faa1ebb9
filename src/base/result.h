// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or an Error a human can act on. No exception of ours crosses a folder; a
// throwing library is caught inside its adapter. Codes are closed so that every dialect can map
// them to its statuses (api/*/status).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace neso {

enum class ErrorCode {
  InvalidArgument,   // the caller's input is wrong; retrying it unchanged cannot help
  NotFound,          // a model, version, file or route that is not there
  AlreadyExists,     // a name that is taken
  Unsupported,       // understood, but this build or model cannot do it
  TooLarge,          // over a configured limit; the message names the option that raises it
  Overloaded,        // no room now, try again later
  NotReady,          // loading, unloading or draining
  DeadlineExceeded,  // ran out of the time the caller or the model allows
  Cancelled,         // the caller went away
  Internal,          // our fault, or a library's
};

// "InvalidArgument" and so on; for logs and tests.
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;
  uint32_t retry_after_ms = 0;  // Overloaded: when there is likely to be room; 0: not known

  // The same error with "context: " in front; used once, at a folder boundary.
  Error with_context(std::string_view context) const;
  bool operator==(const Error&) const = default;
};

template <typename T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Undefined unless has_value().
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Undefined when has_value().
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : state_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace neso

#define NESO_CONCAT_INNER(a, b) a##b
#define NESO_CONCAT(a, b) NESO_CONCAT_INNER(a, b)

// NESO_TRY(auto x, f()): x is f()'s value, or the enclosing function returns f()'s error.
#define NESO_TRY(declaration, expression) \
  NESO_TRY_INNER(NESO_CONCAT(neso_try_, __LINE__), declaration, expression)
#define NESO_TRY_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                           \
  if (!temporary) return std::move(temporary).error();     \
  declaration = *std::move(temporary)

// NESO_TRY_VOID(f()): the same for a Result<void>, or for a value that is not needed.
#define NESO_TRY_VOID(expression)                              \
  do {                                                         \
    if (auto neso_try_result = (expression); !neso_try_result) \
      return std::move(neso_try_result).error();               \
  } while (false)
