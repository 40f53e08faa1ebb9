// SPDX-License-Identifier: Apache-2.0
#include "load/tally.h"

#include <gtest/gtest.h>

namespace neso::load {
namespace {

TEST(Tally, CountsErrorsByKindAndStatusWithTheSentenceOfTheFirst) {
  Tally tally;
  tally.add({}, 1000);
  tally.add({OutcomeKind::Status, 503, R"({"error":"full"})"}, 5);
  tally.add({OutcomeKind::Status, 503, R"({"error":"still full"})"}, 5);
  tally.add({OutcomeKind::Status, 404, "no such path"}, 5);
  tally.add({.kind = OutcomeKind::Reset, .text = "gone"}, 5);
  EXPECT_EQ(tally.requests(), 5U);
  EXPECT_EQ(tally.error_count(), 4U);
  EXPECT_EQ(tally.latency.count(), 1U);
  EXPECT_EQ((tally.errors.at({OutcomeKind::Status, 503}).count), 2U);
  EXPECT_EQ((tally.errors.at({OutcomeKind::Status, 503}).example), "full");
  EXPECT_EQ((tally.errors.at({OutcomeKind::Reset, 0}).example), "gone");
}

TEST(Tally, MergedOnesKeepAnExampleOfEach) {
  Tally one, two;
  one.add({.kind = OutcomeKind::Reset, .text = "first"}, 0);
  two.add({.kind = OutcomeKind::Reset, .text = "second"}, 0);
  two.add({.kind = OutcomeKind::Timeout, .text = "late"}, 0);
  two.finished = 3;
  one.merge(two);
  EXPECT_EQ(one.finished, 3U);
  EXPECT_EQ((one.errors.at({OutcomeKind::Reset, 0}).count), 2U);
  EXPECT_EQ((one.errors.at({OutcomeKind::Reset, 0}).example), "first");
  EXPECT_EQ((one.errors.at({OutcomeKind::Timeout, 0}).example), "late");
}

TEST(SentenceIn, FindsTheSentenceOfEveryApi) {
  EXPECT_EQ(sentence_in(R"({"error":"model 'x' not found"})"), "model 'x' not found");
  EXPECT_EQ(sentence_in(R"({"error":{"message":"too long","type":"t"}})"), "too long");
  EXPECT_EQ(sentence_in(R"({"error":"overloaded","error_type":"overloaded"})"), "overloaded");
  EXPECT_EQ(sentence_in("<html>\r\nBad Gateway"), "<html>  Bad Gateway");
  EXPECT_EQ(sentence_in("\xff\xfe"), "??");
  EXPECT_EQ(sentence_in(std::string(5000, 'a')).size(), 300U);
}

}  // namespace
}  // namespace neso::load
