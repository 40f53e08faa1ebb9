// SPDX-License-Identifier: Apache-2.0
#include "app/server_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace neso {
namespace {

using ::testing::EndsWith;

TEST(FailedModels, NamesThemWithTheirReasons) {
  EXPECT_EQ(failed_models({{"good", "1", "READY"},
                           {"bad", "2", "UNAVAILABLE: no model.onnx"},
                           {"none", "-", "Not loaded: No model version was found"}}),
            ": 'bad' version 2: no model.onnx; 'none': Not loaded: No model version was found");
}

TEST(FailedModels, StaysShort) {
  const std::string reason = "UNAVAILABLE: " + std::string(5000, 'x') + "\nmore";
  const std::string text = failed_models({{"a", "1", reason},
                                          {"b", "1", reason},
                                          {"c", "1", reason},
                                          {"d", "1", reason},
                                          {"e", "1", reason}});
  EXPECT_LT(text.size(), 900u);
  EXPECT_THAT(text, EndsWith("xxx; and 2 more"));
}

}  // namespace
}  // namespace neso
