// SPDX-License-Identifier: Apache-2.0
// Which requests are sampled, and how settings fall back and change.
#include "trace/tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trace/test_trace.h"

namespace neso {
namespace {

using ::testing::ElementsAre;

std::string row(const Tracer& tracer, const std::string& model, const std::string& name) {
  for (const auto& [key, words] : tracer.rows(model)) {
    if (key == name) return words.front();
  }
  return "(none)";
}

TraceChange rate(uint32_t value) {
  TraceChange change;
  change.rate = value;
  return change;
}

TEST(Tracer, EveryNthRequestIsSampledUntilTheCountIsUsedUp) {
  const auto sink = std::make_shared<KeptTraces>();
  Tracer tracer(traced_to_file(3, 2), sink);
  std::vector<bool> sampled;
  for (int i = 0; i < 10; ++i) sampled.push_back(tracer.sample("m") != nullptr);
  EXPECT_THAT(sampled,
              ElementsAre(false, false, true, false, false, true, false, false, false, false));
  EXPECT_EQ(sink->traces.size(), 2U);
  EXPECT_EQ(row(tracer, "", "trace_count"), "0");
}

TEST(Tracer, WithoutLevelOrSinkNothingIsActive) {
  EXPECT_FALSE(Tracer(traced_to_file(), nullptr).active());
  TraceOptions off = traced_to_file();
  off.settings.level = {};
  Tracer tracer(off, std::make_shared<KeptTraces>());
  EXPECT_FALSE(tracer.active());
  TraceChange on;
  on.level = TraceLevel{.timestamps = true};
  ASSERT_TRUE(tracer.change("m", on));
  EXPECT_TRUE(tracer.active());
  EXPECT_TRUE(tracer.sample("m"));
  EXPECT_FALSE(tracer.sample("other"));
  on.level = std::optional<TraceLevel>();
  ASSERT_TRUE(tracer.change("m", on));
  EXPECT_FALSE(tracer.active());
}

TEST(Tracer, AModelFollowsTheGlobalSettingInWhatIsNotItsOwn) {
  Tracer tracer(traced_to_file(5), std::make_shared<KeptTraces>());
  TraceChange own;
  own.log_frequency = 7;
  ASSERT_TRUE(tracer.change("m", own));
  EXPECT_EQ(row(tracer, "m", "trace_rate"), "5");
  ASSERT_TRUE(tracer.change("", rate(9)));
  EXPECT_EQ(row(tracer, "m", "trace_rate"), "9");
  EXPECT_EQ(row(tracer, "m", "log_frequency"), "7");
  ASSERT_TRUE(tracer.change("m", rate(2)));
  ASSERT_TRUE(tracer.change("", rate(4)));
  EXPECT_EQ(row(tracer, "m", "trace_rate"), "2");
  TraceChange clear;
  clear.rate = std::optional<uint32_t>();
  ASSERT_TRUE(tracer.change("m", clear));
  EXPECT_EQ(row(tracer, "m", "trace_rate"), "4");
  ASSERT_TRUE(tracer.change("", clear));
  EXPECT_EQ(row(tracer, "m", "trace_rate"), "5") << "the command line's";
}

TEST(Tracer, ReplacedSettingsEndTheirSeries) {
  const auto sink = std::make_shared<KeptTraces>();
  {
    Tracer tracer(traced_to_file(), sink);
    ASSERT_TRUE(tracer.change("m", rate(2)));
    EXPECT_TRUE(sink->ended_series.empty());
    ASSERT_TRUE(tracer.change("", rate(3)));
    EXPECT_EQ(sink->ended_series.size(), 2U);
  }
  EXPECT_TRUE(sink->closed);
}

TEST(Tracer, SettingsThatCouldTraceNothingAreRefusedUnlessOff) {
  TraceOptions options;
  Tracer tracer(options);
  EXPECT_TRUE(tracer.change("", rate(0)));
  TraceChange on;
  on.level = TraceLevel{.timestamps = true};
  EXPECT_EQ(tracer.change("", on).error().message,
            "Attempting to set invalid trace setting :sample rate must be non-zero");
  on.rate = 1;
  EXPECT_EQ(tracer.change("", on).error().message,
            "Attempting to set invalid trace setting :trace file name is not given");
  EXPECT_EQ(row(tracer, "", "trace_level"), "OFF");
  EXPECT_EQ(row(tracer, "", "trace_rate"), "0");
}

TEST(Tracer, AClientsOwnTraceIsTakenOverWithOpenTelemetryAlone) {
  TraceContext caller{.trace_id = "a", .span_id = "b", .sampled = true};
  TraceOptions options = traced_to_file(0);
  EXPECT_FALSE(Tracer(options, std::make_shared<KeptTraces>()).sample("m", caller));
  options.mode = TraceMode::OpenTelemetry;
  const auto sink = std::make_shared<KeptTraces>();
  Tracer tracer(options, sink);
  EXPECT_FALSE(tracer.sample("m"));
  EXPECT_TRUE(tracer.sample("m", caller));
  EXPECT_EQ(sink->traces.at(0).caller->trace_id, "a");
  caller.sampled = false;
  EXPECT_FALSE(tracer.sample("m", caller));
  EXPECT_FALSE(tracer.change("", rate(0)));
  TraceChange other;
  other.count = 5;
  EXPECT_TRUE(tracer.change("", other));
}

TEST(Tracer, RowsAreThoseOfTheMode) {
  const auto names = [](const TraceOptions& options) {
    std::vector<std::string> names;
    for (const auto& [name, words] : trace_rows(options.settings, options)) names.push_back(name);
    return names;
  };
  TraceOptions options;
  EXPECT_THAT(names(options), ElementsAre("trace_level", "trace_rate", "trace_count",
                                          "log_frequency", "trace_file", "trace_mode"));
  options.mode = TraceMode::OpenTelemetry;
  EXPECT_THAT(names(options), ElementsAre("trace_level", "trace_rate", "trace_count", "trace_mode",
                                          "url", "resource", "bsp_max_export_batch_size",
                                          "bsp_schedule_delay", "bsp_max_queue_size"));
}

TEST(TraceChange, NumbersAreReadAsTritonDoes) {
  TraceChange change;
  EXPECT_TRUE(read_trace_rate(" 1.5x", change));
  EXPECT_EQ(**change.rate, 1U);
  EXPECT_TRUE(read_trace_rate("-5", change));
  EXPECT_EQ(**change.rate, 4294967291U);
  EXPECT_EQ(read_trace_rate("often", change).error().message,
            "Unable to parse 'trace_rate', got: often");
  EXPECT_EQ(read_log_frequency("99999999999", change).error().message,
            "Unable to parse 'log_frequency', value is out of range [ 0, 4294967295 ], got: "
            "99999999999");
  EXPECT_EQ(read_trace_count("-2", change, "got:").error().message,
            "Unable to parse 'trace_count'. Expecting value >= -1, got:-2");
  EXPECT_EQ(read_trace_count("3000000000", change, "got:").error().message,
            "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: "
            "3000000000");
}

TEST(TraceChange, LevelsAddUpAndOffStandsAlone) {
  TraceChange change;
  ASSERT_TRUE(read_trace_level({"ALL", "MIN"}, change));
  EXPECT_FALSE(change.level) << "unknown words change nothing";
  ASSERT_TRUE(read_trace_level({"TIMESTAMPS", "TENSORS"}, change));
  EXPECT_EQ(**change.level, (TraceLevel{.timestamps = true, .tensors = true}));
  ASSERT_TRUE(read_trace_level({"OFF"}, change));
  EXPECT_TRUE((**change.level).off());
  EXPECT_EQ(read_trace_level({"OFF", "TENSORS"}, change).error().message,
            "Expect only one trace level 'OFF' is specified");
}

}  // namespace
}  // namespace neso
