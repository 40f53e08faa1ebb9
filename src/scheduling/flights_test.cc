// SPDX-License-Identifier: Apache-2.0
#include "scheduling/flights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FlightsTest : public ::testing::Test {
 protected:
  Completion<JobOutput> named(int name) {
    return Completion<JobOutput>([this, name](const Result<JobOutput>& result) {
      answered_.push_back(result ? name : -name);
    });
  }
  Job open(const std::string& key, int name, const Flights::Terms& terms = {}) {
    Job job{.done = named(name)};
    flights_->open(key, terms, job);
    return job;
  }
  bool join(const std::string& key, int name, const Flights::Terms& terms = {}) {
    auto done = named(name);
    const bool joined = flights_->join(key, terms, done);
    if (!joined) done = Completion<JobOutput>();
    return joined;
  }
  std::vector<int> answered_;  // an error's name is negative
  std::shared_ptr<Flights> flights_ = std::make_shared<Flights>();
};

TEST_F(FlightsTest, OneAnswerIsForAllWhoJoined) {
  Job job = open("a", 1);
  EXPECT_FALSE(flights_->joined(job.flight));
  EXPECT_TRUE(join("a", 2));
  EXPECT_TRUE(join("a", 3));
  EXPECT_TRUE(flights_->joined(job.flight));
  EXPECT_THAT(answered_, IsEmpty());
  job.done(JobOutput(std::vector<float>{1}));
  EXPECT_THAT(answered_, ElementsAre(2, 3, 1));
  EXPECT_EQ(flights_->joins(), 2U);
}

TEST_F(FlightsTest, AFailureIsForAllToo) {
  Job job = open("a", 1);
  EXPECT_TRUE(join("a", 2));
  job.done(internal_error("no"));
  EXPECT_THAT(answered_, ElementsAre(-2, -1));
}

TEST_F(FlightsTest, NobodyJoinsWhatIsOver) {
  Job job = open("a", 1);
  job.done(JobOutput());
  answered_.clear();
  EXPECT_FALSE(flights_->has("a", {}));
  EXPECT_FALSE(join("a", 2));
  EXPECT_FALSE(join("b", 3));
}

TEST_F(FlightsTest, NobodyJoinsWhatIsClosedAndAnotherMayHaveItsKey) {
  Job expired = open("a", 1);
  flights_->close(expired.flight);
  EXPECT_FALSE(flights_->has("a", {}));
  Job next = open("a", 2);
  EXPECT_NE(next.flight, 0U);
  expired.done(internal_error("too late"));
  EXPECT_TRUE(flights_->has("a", {})) << "the second one still flies";
  next.done(JobOutput());
  EXPECT_THAT(answered_, ElementsAre(-1, 2));
}

TEST_F(FlightsTest, NobodyIsMadeLaterByJoining) {
  Job job = open("a", 1, {.level = 2, .lane = Lane::Bulk, .deadline_ns = 100});
  EXPECT_TRUE(flights_->has("a", {.level = 2, .lane = Lane::Bulk, .deadline_ns = 100}));
  EXPECT_FALSE(flights_->has("a", {.level = 1, .lane = Lane::Bulk, .deadline_ns = 100}));
  EXPECT_FALSE(flights_->has("a", {.level = 2, .deadline_ns = 100})) << "bulk work comes later";
  EXPECT_FALSE(flights_->has("a", {.level = 2, .lane = Lane::Bulk, .deadline_ns = 101}));
  EXPECT_FALSE(flights_->has("a", {.level = 2, .lane = Lane::Bulk}));
  flights_->runs(job.flight);
  EXPECT_TRUE(flights_->has("a", {.level = 1}));
}

TEST_F(FlightsTest, AKeyThatIsTakenLeavesAJobAlone) {
  Job first = open("a", 1, {.lane = Lane::Bulk});
  Job second = open("a", 2);
  EXPECT_EQ(second.flight, 0U);
  second.done(JobOutput());
  EXPECT_THAT(answered_, ElementsAre(2));
}

TEST_F(FlightsTest, AJobThatIsDroppedAnswersAll) {
  {
    Job job = open("a", 1);
    EXPECT_TRUE(join("a", 2));
  }
  EXPECT_THAT(answered_, ElementsAre(-2, -1));
}

}  // namespace
}  // namespace neso
