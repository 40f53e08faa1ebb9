// SPDX-License-Identifier: Apache-2.0
// Which traces land in which file, and that each file is complete.
#include "trace/trace_files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "base/temporary_folder.h"
#include "trace/test_trace.h"
#include "trace/tracer.h"

namespace neso {
namespace {

class TraceFilesTest : public ::testing::Test {
 protected:
  // Starts over with these settings.
  void start(uint32_t log_frequency, int32_t count = -1) {
    TraceOptions options = traced_to_file(1, count);
    options.settings.log_frequency = log_frequency;
    options.file = path();
    tracer_ = std::make_unique<Tracer>(options, *TraceFiles::start(path(), dropped_));
  }
  void traces(int count, int parts = 1) {
    for (int i = 0; i < count; ++i) {
      const auto trace = tracer_->sample("m");
      ASSERT_TRUE(trace);
      trace->reached("m", 1, "", 1);
      trace->stamp(TraceEvent::QueueStart, 1);
      for (int part = 1; part < parts; ++part) trace->child()->reached("step", 1, "", 2);
    }
  }
  // The models' objects in a file; -1: there is no such file, or it is no JSON array.
  int models(const std::string& suffix = "") const {
    const auto text = read_file(path() + suffix, size_t{1} << 20);
    if (!text) return -1;
    const auto json = parse_json(*text);
    if (!json || !json->is_array()) return -1;
    int models = 0;
    for (const JsonValue& object : json->array()) models += object.find("model_name") != nullptr;
    return models;
  }
  std::string path() const { return (folder_.path() / "traces.json").string(); }

  TemporaryFolder folder_;
  MetricRegistry metrics_;
  std::shared_ptr<Metric> dropped_ =
      metrics_.series("dropped", MetricKind::Counter, "for the test", {});
  std::unique_ptr<Tracer> tracer_;
};

TEST_F(TraceFilesTest, WithoutAFrequencyAllAreInOneFile) {
  start(0);
  traces(3);
  tracer_ = nullptr;
  EXPECT_EQ(models(), 3);
  EXPECT_EQ(models(".0"), -1);
}

TEST_F(TraceFilesTest, NothingTracedMakesNoFile) {
  start(0);
  tracer_ = nullptr;
  EXPECT_EQ(models(), -1);
}

TEST_F(TraceFilesTest, WithAFrequencyFilesAreNumberedAndTheLastHasTheRemainder) {
  start(2);
  traces(5);
  tracer_ = nullptr;
  EXPECT_EQ(models(".0"), 2);
  EXPECT_EQ(models(".1"), 2);
  EXPECT_EQ(models(".2"), 1);
  EXPECT_EQ(models(), -1);
}

TEST_F(TraceFilesTest, AnEnsembleIsOneTraceAndStaysTogether) {
  start(2);
  traces(3, 3);
  tracer_ = nullptr;
  EXPECT_EQ(models(".0"), 6);
  EXPECT_EQ(models(".1"), 3);
}

TEST_F(TraceFilesTest, ARequestThatWasRefusedLeavesNoTraceButCounts) {
  start(0, 2);
  tracer_->sample("m")->reached("m", 1, "", 1);
  traces(1);
  tracer_ = nullptr;
  EXPECT_EQ(models(".0"), 1);
}

TEST_F(TraceFilesTest, ALimitedCountIsWrittenOnceItIsThere) {
  start(0, 2);
  traces(2);
  EXPECT_FALSE(tracer_->sample("m"));
  tracer_ = nullptr;
  EXPECT_EQ(models(".0"), 2);
  EXPECT_EQ(models(), -1);
}

TEST_F(TraceFilesTest, ASettingThatIsReplacedIsWrittenOut) {
  start(10);
  traces(1);
  TraceChange change;
  change.log_frequency = 0;
  ASSERT_TRUE(tracer_->change("", change));
  traces(2);
  tracer_ = nullptr;
  EXPECT_EQ(models(".0"), 1);
  EXPECT_EQ(models(), 2);
}

TEST_F(TraceFilesTest, WhatCannotBeWrittenIsCounted) {
  std::filesystem::create_directory(path());
  start(0);
  traces(1);
  tracer_ = nullptr;
  EXPECT_EQ(dropped_->value(), 1);
}

}  // namespace
}  // namespace neso
