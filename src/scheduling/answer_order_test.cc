// SPDX-License-Identifier: Apache-2.0
#include "scheduling/answer_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AnswerOrderTest : public ::testing::Test {
 protected:
  Completion<JobOutput> place(int name) {
    return order_->place(Completion<JobOutput>([this, name](const Result<JobOutput>& result) {
      answered_.push_back(result ? name : -name);
    }));
  }
  std::vector<int> answered_;  // an error's name is negative
  std::shared_ptr<AnswerOrder> order_ = std::make_shared<AnswerOrder>();
};

TEST_F(AnswerOrderTest, AnAnswerWaitsForThoseOfEarlierRequests) {
  auto a = place(1);
  auto b = place(2);
  auto c = place(3);
  c(JobOutput());
  EXPECT_THAT(answered_, IsEmpty());
  a(JobOutput());
  EXPECT_THAT(answered_, ElementsAre(1));
  b(internal_error("no"));
  EXPECT_THAT(answered_, ElementsAre(1, -2, 3));
}

TEST_F(AnswerOrderTest, ARequestThatIsDroppedHoldsUpNobody) {
  auto a = std::make_unique<Completion<JobOutput>>(place(1));
  auto b = place(2);
  b(JobOutput());
  a = nullptr;
  EXPECT_THAT(answered_, ElementsAre(-1, 2));
}

TEST_F(AnswerOrderTest, AnAnswerMayAskForAnother) {
  Completion<JobOutput> later;
  auto first = order_->place(Completion<JobOutput>([&](const Result<JobOutput>&) {
    answered_.push_back(1);
    later = place(2);
    later(JobOutput());
  }));
  first(JobOutput());
  EXPECT_THAT(answered_, ElementsAre(1, 2));
}

}  // namespace
}  // namespace neso
