// SPDX-License-Identifier: Apache-2.0
#include "app/load_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace neso {
namespace {

using load::Loop;
using load::OutcomeKind;
using testing::HasSubstr;
using testing::Not;

const LoadSubject kSubject{"http://h:1", "triton", "m", "neso", 77, 2, false};

// 100 good requests of 1 .. 100 ms in 2 s, on a server that computed for 0.5 s.
load::StepFigures good_step(double load) {
  load::StepFigures step{.loop = Loop::Closed, .load = load, .seconds = 2};
  for (int64_t ms = 1; ms <= 100; ++ms) step.tally.add({}, ms * 1'000'000);
  step.tally.finished = 100;
  step.requests_per_s = 50;
  step.server = {0.5, uint64_t{3} << 20};
  return step;
}

TEST(LoadReport, ALineHasEveryFigure) {
  const auto json = parse_json(load_json_line(kSubject, good_step(4)));
  ASSERT_TRUE(json);
  const auto number = [&](const char* key) { return json->find(key)->as_double().value_or(-1); };
  EXPECT_EQ(number("concurrency"), 4);
  EXPECT_EQ(number("requests"), 100);
  EXPECT_EQ(number("rows_per_s"), 100);
  EXPECT_NEAR(number("ms_p50"), 50, 50.0 / 128);
  EXPECT_EQ(number("ms_max"), 100);
  EXPECT_EQ(json->find("server")->find("cpu_us_per_request")->as_double(), 5000);
  EXPECT_EQ(json->find("server")->find("resident_mib")->as_double(), 3);
  EXPECT_THAT(load_table_line(kSubject, good_step(4)), HasSubstr("5000.0       3"));
}

TEST(LoadReport, AServerThatCannotBeSeenIsLeftOut) {
  load::StepFigures step = good_step(4);
  step.server = {};
  EXPECT_EQ(parse_json(load_json_line(kSubject, step))->find("server"), nullptr);
  EXPECT_THAT(load_title({.url = "u", .api = "tei", .model = "m"}, 5), Not(HasSubstr("pid")));
}

TEST(LoadReport, ErrorsAreListedByKindWithAnExample) {
  load::StepFigures step = good_step(4);
  step.tally.add({OutcomeKind::Status, 503, R"({"error":"full"})"}, 0);
  step.tally.add({.kind = OutcomeKind::Reset}, 0);
  EXPECT_EQ(errors_text(step.tally), "1 reset, 1 status 503 (full)");
  EXPECT_THAT(load_table_line(kSubject, step),
              HasSubstr("\n  errors: 1 reset, 1 status 503 (full)\n"));
  const auto json = parse_json(load_json_line(kSubject, step));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("errors")->array().size(), 2U);
}

TEST(LoadReport, SaysWhenTheClientMayBeWhatIsSlow) {
  load::StepFigures step = good_step(4);
  EXPECT_THAT(load_table_line(kSubject, step), Not(HasSubstr("--client-threads")));
  step.client_busy = 0.95;
  EXPECT_THAT(load_table_line(kSubject, step), HasSubstr("--client-threads"));
}

TEST(LoadReport, AStepWithoutGoodAnswersIsPrintedToo) {
  load::StepFigures step{.loop = Loop::Open, .load = 10, .seconds = 1};
  step.server.cpu_s = 0.1;
  step.tally.add({.kind = OutcomeKind::Timeout}, 0);
  EXPECT_TRUE(parse_json(load_json_line(kSubject, step)));
  EXPECT_THAT(draw_load_plot(kSubject, {step}), HasSubstr("no request was answered"));
}

TEST(LoadReport, TellsTheKneeOrThatThereIsNone) {
  load::Ramp ramp(Loop::Open, 8, {.p99_ms = 1});
  ramp.add({.load = 8, .due_per_s = 8, .requests_per_s = 8, .p99_ms = 5});
  EXPECT_EQ(knee_line(ramp, Loop::Open), "no knee: p99 passed 1 ms at 8\n");
  EXPECT_EQ(knee_json_line(ramp, Loop::Open),
            "{\"knee\":null,\"reason\":\"p99 passed 1 ms at 8\"}\n");
}

}  // namespace
}  // namespace neso
