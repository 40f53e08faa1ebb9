// SPDX-License-Identifier: Apache-2.0
// F10 over HTTP: whichever allocation of a request fails, its client reads the right answer or a
// 503, on a connection that then works or is closed in good order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/triton/triton_api.h"
#include "base/failing_allocations.h"
#include "base/temporary_folder.h"
#include "net/test_server.h"
#include "repository/repository.h"

namespace neso::triton {
namespace {

namespace fs = std::filesystem;

class AllocationFailureOverHttp : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "minilm");
    fs::create_directory_symlink(NESO_TEST_MODEL, folder_ / "minilm/1");
    repository_ = Repository::open({.folders = {folder_.path()}}, metrics_, clock_).value();
    service_ = Service::create(*repository_, {.workers = 1, .memory = &memory_}).value();
    net::HttpServerOptions options = net::test_options();
    options.threads = 1;
    options.memory = &memory_;
    server_ = net::start_server(options, make_triton_api(*service_, {}));
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  MemoryBudget memory_{uint64_t{1} << 30};
  std::unique_ptr<Repository> repository_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(AllocationFailureOverHttp, F10_EveryRequestIsAnsweredRightlyOrWith503) {
  const FailingAllocations::Spared spared;
  const std::string body =
      R"({"inputs":[{"name":"text","datatype":"BYTES","shape":[1,1],"data":["a cat"]}]})";
  const std::string request =
      "POST /v2/models/minilm/infer HTTP/1.1\r\nHost: h\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  net::TestClient client(server_->port());
  const auto right = client.ask(request);
  ASSERT_TRUE(right);
  ASSERT_EQ(right->status, 200) << right->body;
  int refused = 0;
  int n = 1;
  for (; n < FailingAllocations::kMostOfARequest; ++n) {
    FailingAllocations::fail(n);
    const auto answer = client.ask(request);
    const bool failed = FailingAllocations::failed();
    FailingAllocations::fail(0);
    ASSERT_TRUE(answer) << n << ": no answer";
    if (answer->status == 200) {
      EXPECT_EQ(answer->body, right->body) << n;
    } else {
      EXPECT_EQ(answer->status, 503) << n << ": " << answer->body;
      ++refused;
    }
    if (answer->has("\r\nConnection: close\r\n")) {
      client = net::TestClient(server_->port());
      ASSERT_TRUE(client.ask("GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n"));  // it is accepted
    }
    if (!failed) break;
  }
  EXPECT_LT(n, FailingAllocations::kMostOfARequest);
  EXPECT_GT(refused, 10);
  const auto after = client.ask(request);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->body, right->body);
}

}  // namespace
}  // namespace neso::triton
