// SPDX-License-Identifier: Apache-2.0
#include "net/read_deadline.h"

#include <gtest/gtest.h>

namespace neso::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = ReadDeadline::Verdict;

class ReadDeadlineTest : public ::testing::Test {
 protected:
  HttpServerOptions options_;
  ReadDeadline deadline_{options_};
  const ReadDeadline::Time start_{seconds(1000)};

  // The deadline after this progress, from `start_`.
  milliseconds after(const ReadDeadline::Progress& progress, seconds now) {
    deadline_.update(progress, start_ + now);
    return std::chrono::duration_cast<milliseconds>(deadline_.at() - start_);
  }
};

TEST_F(ReadDeadlineTest, NothingIsAwaitedAtFirst) {
  EXPECT_EQ(deadline_.at(), ReadDeadline::kNever);
}

TEST_F(ReadDeadlineTest, B06_HeadHasATotalDeadline) {
  EXPECT_EQ(after({Awaited::Head, 0, 1}, seconds(0)), seconds(60));
  EXPECT_EQ(after({Awaited::Head, 0, 2}, seconds(50)), seconds(60));    // bytes do not help
  EXPECT_EQ(after({Awaited::Head, 1, 90}, seconds(55)), seconds(115));  // another request does
  EXPECT_EQ(deadline_.expired({Awaited::Head, 1, 91}, start_ + seconds(115)), Verdict::Refuse);
  EXPECT_EQ(deadline_.refusal().status, 408);
}

TEST_F(ReadDeadlineTest, IdleConnectionsAreClosedAfterTheirTime) {
  EXPECT_EQ(after({Awaited::Request, 1, 90}, seconds(5)), seconds(80));
  EXPECT_EQ(deadline_.expired({Awaited::Request, 1, 90}, start_ + seconds(80)), Verdict::Close);
  deadline_.update({Awaited::Nothing, 2, 180}, start_ + seconds(20));
  EXPECT_EQ(deadline_.at(), ReadDeadline::kNever);
}

TEST_F(ReadDeadlineTest, B06_BodyMustKeepItsRateInEveryWindow) {
  EXPECT_EQ(after({Awaited::Body, 0, 100}, seconds(0)), seconds(10));
  // A burst in the first window does not pay for the second.
  EXPECT_EQ(deadline_.expired({Awaited::Body, 0, 100 + 1'000'000}, start_ + seconds(10)),
            Verdict::Wait);
  EXPECT_EQ(deadline_.at(), start_ + seconds(20));
  EXPECT_EQ(deadline_.expired({Awaited::Body, 0, 100 + 1'010'240}, start_ + seconds(20)),
            Verdict::Wait);
  EXPECT_EQ(deadline_.expired({Awaited::Body, 0, 100 + 1'020'479}, start_ + seconds(30)),
            Verdict::Refuse);
  EXPECT_EQ(deadline_.refusal().sentence,
            "The request body came slower than 1024 bytes per second.");
}

TEST_F(ReadDeadlineTest, DrainingShortensTheWaitForHeads) {
  EXPECT_EQ(after({Awaited::Head, 0, 0}, seconds(0)), seconds(60));
  EXPECT_EQ(after({Awaited::Head, 0, 0, true}, seconds(1)), milliseconds(1500));
}

TEST_F(ReadDeadlineTest, RefusedClientsAreHeardOutButNotForEver) {
  EXPECT_EQ(after({Awaited::Silence, 0, 100}, seconds(0)), seconds(5));
  EXPECT_EQ(after({Awaited::Silence, 0, 100}, seconds(2)), seconds(5));
  EXPECT_EQ(after({Awaited::Silence, 0, 200}, seconds(4)), seconds(9));
  EXPECT_EQ(after({Awaited::Silence, 0, 300}, seconds(29)), seconds(30));
  EXPECT_EQ(deadline_.expired({Awaited::Silence, 0, 300}, start_ + seconds(30)), Verdict::Close);
}

}  // namespace
}  // namespace neso::net
