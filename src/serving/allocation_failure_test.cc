// SPDX-License-Identifier: Apache-2.0
// F10: whichever allocation of a request fails, it is answered, rightly or with "no memory", and
// the next request is served.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/failing_allocations.h"
#include "base/temporary_folder.h"
#include "serving/service.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

class AllocationFailure : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_.path() / "minilm");
    fs::create_directory_symlink(NESO_TEST_MODEL, folder_.path() / "minilm/1");
    repository_ = Repository::open({.folders = {folder_.path()}}, metrics_, clock_).value();
    service_ = Service::create(*repository_, {.workers = 1, .memory = &memory_}).value();
  }

  // Calls the service as a dialect does, on one of its threads; what is thrown there ends there.
  template <typename Request, typename Response>
  Result<Response> ask(void (Service::*operation)(Request, Completion<Response>),
                       const Request& request, int failing) {
    const FailingAllocations::Spared spared;
    std::promise<Result<Response>> promise;
    auto answered = promise.get_future();
    // The callback and what it holds fit into what std::function keeps inside.
    Completion<Response> done([&promise](Result<Response> r) { promise.set_value(std::move(r)); });
    auto carried =
        std::make_shared<std::pair<Request, Completion<Response>>>(request, std::move(done));
    service_->post([this, operation, carried, failing] {
      FailingAllocations::fail(failing);
      (service_.get()->*operation)(std::move(carried->first), std::move(carried->second));
    });
    return answered.get();
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  MemoryBudget memory_{uint64_t{1} << 30};
  std::unique_ptr<Repository> repository_;
  std::unique_ptr<Service> service_;
};

TEST_F(AllocationFailure, F10_EveryEmbedRequestIsAnsweredRightlyOrRefused) {
  const EmbedRequest request{.model = "minilm", .texts = {"a cat", "where is the retry logic?"}};
  const auto right = ask(&Service::embed, request, 0);
  ASSERT_TRUE(right) << right.error().message;
  int refused = 0;
  int n = 1;
  for (; n < FailingAllocations::kMostOfARequest; ++n) {
    const auto answer = ask(&Service::embed, request, n);
    const bool failed = FailingAllocations::failed();
    FailingAllocations::fail(0);
    if (!answer) {
      EXPECT_EQ(answer.error().code, ErrorCode::Overloaded) << n << ": " << answer.error().message;
      ++refused;
    } else {
      for (size_t i = 0; i < 2; ++i) {
        const auto& item = answer->items[i];
        if (item) {
          EXPECT_EQ(item->values, right->items[i]->values) << n;
        } else {
          EXPECT_EQ(item.error().code, ErrorCode::Overloaded) << n << ": " << item.error().message;
        }
      }
    }
    if (!failed) break;
  }
  EXPECT_LT(n, FailingAllocations::kMostOfARequest);
  EXPECT_GT(refused, 10);
  EXPECT_TRUE(ask(&Service::embed, request, 0));
  service_.reset();  // whoever still held a request has let go
  EXPECT_EQ(memory_.held_by_requests(), 0U);
}

TEST_F(AllocationFailure, F10_EveryInferRequestIsAnsweredRightlyOrRefused) {
  const std::vector<std::string> texts = {"a cat", "a dog"};
  InferRequest request;
  request.model = "minilm";
  request.caller.deadline_ns = INT64_MAX / 2;
  request.inputs = {{"text", Tensor::from_strings({2, 1}, texts)}};
  const auto right = ask(&Service::infer, request, 0);
  ASSERT_TRUE(right) << right.error().message;
  const auto expected = right->outputs.front().tensor.as<float>();
  int n = 1;
  for (; n < FailingAllocations::kMostOfARequest; ++n) {
    const auto answer = ask(&Service::infer, request, n);
    const bool failed = FailingAllocations::failed();
    FailingAllocations::fail(0);
    if (answer) {
      EXPECT_TRUE(std::ranges::equal(answer->outputs.front().tensor.as<float>(), expected)) << n;
    } else {
      EXPECT_EQ(answer.error().code, ErrorCode::Overloaded) << n << ": " << answer.error().message;
    }
    if (!failed) break;
  }
  EXPECT_LT(n, FailingAllocations::kMostOfARequest);
  EXPECT_TRUE(ask(&Service::infer, request, 0));
  service_.reset();  // whoever still held a request has let go
  EXPECT_EQ(memory_.held_by_requests(), 0U);
}

}  // namespace
}  // namespace neso
