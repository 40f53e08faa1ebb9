// SPDX-License-Identifier: Apache-2.0
// Which headers are a W3C trace context.
#include "trace/trace_context.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

constexpr const char* kIds = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

std::string parent(const std::string& version, const std::string& flags) {
  return version + "-" + kIds + "-" + flags;
}

TEST(TraceContext, ParentAndStateAreTakenOver) {
  const auto context = parse_trace_context(parent("00", "01"), "vendor=1");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(context->span_id, "b7ad6b7169203331");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(context->state, "vendor=1");
  EXPECT_FALSE(parse_trace_context(parent("00", "00"), "")->sampled);
}

TEST(TraceContext, ALaterVersionMaySayMore) {
  EXPECT_TRUE(parse_trace_context(parent("01", "01"), ""));
  EXPECT_TRUE(parse_trace_context(parent("01", "01") + "-more", ""));
  EXPECT_FALSE(parse_trace_context(parent("01", "01") + "more", ""));
  EXPECT_FALSE(parse_trace_context(parent("00", "01") + "-more", ""));
  EXPECT_FALSE(parse_trace_context(parent("ff", "01"), ""));
}

TEST(TraceContext, WhatIsNoParentIsNone) {
  for (const std::string& text :
       {std::string(), std::string("00"), parent("0x", "01"), parent("00", "zz"),
        std::string("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        std::string("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
        std::string("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
        std::string("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}) {
    EXPECT_FALSE(parse_trace_context(text, "")) << text;
  }
}

TEST(TraceContext, AnImmoderateStateIsLeftOut) {
  EXPECT_EQ(parse_trace_context(parent("00", "01"), std::string(1000, 'x'))->state, "");
}

}  // namespace
}  // namespace neso
