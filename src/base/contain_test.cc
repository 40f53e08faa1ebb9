// SPDX-License-Identifier: Apache-2.0
#include "base/contain.h"

#include <gtest/gtest.h>

#include <csignal>
#include <new>
#include <stdexcept>

namespace neso {
namespace {

TEST(Contain, NothingThatIsThrownGetsOut) {
  bool ran = false;
  contain("a test", [&] { ran = true; });
  EXPECT_TRUE(ran);
  contain("a test", [] { throw std::bad_alloc(); });
  contain("a test", [] { throw 7; });
}

template <typename Exception>
void throw_where_nothing_may(const Exception& thrown) noexcept {
  explain_termination();
  std::rethrow_exception(std::make_exception_ptr(thrown));
}

TEST(ExplainTermination, F10_AnEndForLackOfMemoryHasALineThatSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(throw_where_nothing_may(std::bad_alloc()), testing::KilledBySignal(SIGABRT),
              "neso ends: the system has no memory left.*--memory-budget-mb");
}

TEST(ExplainTermination, AnEndByAnExceptionNamesIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(throw_where_nothing_may(std::runtime_error("the bug")),
              testing::KilledBySignal(SIGABRT), "neso ends: an exception .*: the bug");
}

}  // namespace
}  // namespace neso
