// SPDX-License-Identifier: Apache-2.0
#include "base/contain.h"

#include <unistd.h>

#include <cstdlib>
#include <new>
#include <typeinfo>

#include "base/log.h"

namespace neso {
namespace {

// Straight to standard error: nothing here may allocate.
void write_plain(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

[[noreturn]] void say_why_and_abort() noexcept {
  constexpr std::string_view kNoMemory =
      "neso ends: the system has no memory left, in a place where no request can be refused for "
      "it; give it more memory, or lower --memory-budget-mb\n";
  constexpr std::string_view kUnexpected = "neso ends: an exception that nothing expected: ";
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
    write_plain("neso ends: std::terminate was called\n");
  } catch (const std::bad_alloc&) {
    write_plain(kNoMemory);
  } catch (const std::exception& error) {
    write_plain(kUnexpected);
    write_plain(error.what());
    write_plain("\n");
  } catch (...) {
    write_plain(kUnexpected);
    write_plain("its type is unknown\n");
  }
  std::abort();
}

}  // namespace

void report_contained(std::string_view what, std::string_view thrown) noexcept {
  try {
    log_error("{} failed: {}", what, thrown);
  } catch (...) {
    write_plain(what);
    write_plain(" failed: ");
    write_plain(thrown);
    write_plain("\n");
  }
}

void explain_termination() {
  std::set_terminate(say_why_and_abort);
}

}  // namespace neso
