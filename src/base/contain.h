// SPDX-License-Identifier: Apache-2.0
// Where exceptions end: the top of a thread's loop, or one of several callbacks that must not harm
// each other. Errors are values here, so what is thrown is std::bad_alloc or a library's failure.
#pragma once

#include <exception>
#include <string_view>

namespace neso {

// One log line; without memory, one written as it is. Never throws.
void report_contained(std::string_view what, std::string_view thrown) noexcept;

// Runs `body`; what it throws becomes a log line, "WHAT failed: ...".
template <typename Body>
void contain(std::string_view what, Body&& body) noexcept {
  try {
    body();
  } catch (const std::exception& error) {
    report_contained(what, error.what());
  } catch (...) {
    report_contained(what, "something that is no std::exception was thrown");
  }
}

// From now on a process that must end because of an exception that nothing caught, or for lack of
// memory where no answer can be given, says so in one line on standard error first.
void explain_termination();

}  // namespace neso
