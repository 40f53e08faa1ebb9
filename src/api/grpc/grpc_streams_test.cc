// SPDX-License-Identifier: Apache-2.0
// Calls that last, and how they end when the server does.
#include "api/grpc/grpc_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "api/grpc/test_grpc.h"

namespace neso::grpc_api {
namespace {

using ::grpc::ClientContext;
using ::grpc::Status;
using ::grpc::StatusCode;
using ::grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GrpcStreamsTest : public ::testing::Test, protected TestGrpc {
 protected:
  GrpcStreamsTest() : TestGrpc(NESO_TEST_ONNX, NESO_TEST_ONNX_RUNTIME) {}
};

TEST_F(GrpcStreamsTest, AStreamIsAnsweredInItsOrder) {
  start();
  ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  inference::ModelStreamInferResponse response;
  std::vector<std::string> ids;
  {
    // The texts wait for the worker, the sums behind them do not.
    const Blocked blocked(*service_);
    for (const char* id : {"a", "b"}) ASSERT_TRUE(stream->Write(texts(long_text(), id)));
    for (const char* id : {"c", "d"}) ASSERT_TRUE(stream->Write(sums(id)));
    ASSERT_TRUE(stream->WritesDone());
  }
  while (stream->Read(&response)) {
    EXPECT_EQ(response.error_message(), "");
    EXPECT_TRUE(response.infer_response().parameters().at("triton_final_response").bool_param());
    ids.push_back(response.infer_response().id());
  }
  EXPECT_THAT(ids, ElementsAre("a", "b", "c", "d"));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcStreamsTest, AFailedRequestDoesNotEndItsStream) {
  start();
  ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  auto bad = sums("bad");
  bad.mutable_inputs()->RemoveLast();
  ASSERT_TRUE(stream->Write(bad));
  ASSERT_TRUE(stream->Write(sums("good")));
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_THAT(response.error_message(), HasSubstr("[request id: bad] expected 2 inputs but got 1"));
  EXPECT_EQ(response.infer_response().ShortDebugString(), "id: \"bad\"");
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.infer_response().id(), "good");
  ASSERT_TRUE(stream->WritesDone());
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcStreamsTest, MoreRequestsThanAStreamHoldsAreAllAnswered) {
  start();
  ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  constexpr int kRequests = 3000;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) stream->Write(sums(std::to_string(i)));
    stream->WritesDone();
  });
  inference::ModelStreamInferResponse response;
  int read = 0;
  for (; stream->Read(&response); ++read)
    EXPECT_EQ(response.infer_response().id(), std::to_string(read));
  writer.join();
  EXPECT_EQ(read, kRequests);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcStreamsTest, ACancelledStreamLeavesNothingBehind) {
  start();
  {
    ClientContext context;
    const auto stream = stub_->ModelStreamInfer(&context);
    const Blocked blocked(*service_);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(stream->Write(texts(long_text())));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  }
  server_->stop_accepting();
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

TEST_F(GrpcStreamsTest, HealthIsReadinessWhicheverServiceIsAskedAbout) {
  start();
  ::grpc::health::v1::HealthCheckRequest request;
  request.set_service("inference.GRPCInferenceService");
  ClientContext contexts[2];
  HealthCheckResponse response;
  ASSERT_TRUE(health_->Check(&contexts[0], request, &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  service_->announce_stop();
  ASSERT_TRUE(health_->Check(&contexts[1], request, &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(GrpcStreamsTest, HealthCanBeWatched) {
  start();
  ClientContext context;
  const auto watch = health_->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  service_->announce_stop();
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  server_->stop_accepting();
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

TEST_F(GrpcStreamsTest, AWatcherThatLeavesLeavesNothingBehind) {
  options_.health_interval = std::chrono::hours(1);
  start();
  {
    ClientContext context;
    const auto watch = health_->Watch(&context, {});
    HealthCheckResponse response;
    ASSERT_TRUE(watch->Read(&response));
    context.TryCancel();
    EXPECT_EQ(watch->Finish().error_code(), StatusCode::CANCELLED);
  }
  server_->stop_accepting();
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

TEST_F(GrpcStreamsTest, AStoppingServerRefusesNewRequestsAndAnswersThoseItHas) {
  start();
  ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(sums("first")));
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  Status waiting_status;
  inference::ModelInferResponse waiting_answer;
  std::thread waiting;
  {
    const Blocked blocked(*service_);
    std::latch sent(1);
    waiting = std::thread([&] {
      ClientContext own;
      sent.count_down();
      waiting_status = stub_->ModelInfer(&own, texts(long_text()), &waiting_answer);
    });
    sent.wait();
    // Answered behind it, so it has come in, unless the client's threads overtook each other.
    ClientContext second;
    inference::ServerLiveResponse live;
    ASSERT_TRUE(stub_->ServerLive(&second, {}, &live).ok());
    server_->stop_accepting();
    const Status refused = infer(sums());
    EXPECT_EQ(refused.error_code(), StatusCode::UNAVAILABLE);
    EXPECT_EQ(refused.error_message(),
              "GRPC server is shutting down and has stopped accepting new requests.");
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::UNAVAILABLE);
  }
  waiting.join();
  if (!waiting_status.ok()) {
    EXPECT_EQ(waiting_status.error_code(), StatusCode::UNAVAILABLE);
  }
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

TEST_F(GrpcStreamsTest, ADrainOutOfTimeSaysSo) {
  start();
  ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(sums()));
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  {
    const Blocked blocked(*service_);
    ASSERT_TRUE(stream->Write(texts(long_text())));
    ASSERT_TRUE(stream->Write(sums()));
    EXPECT_FALSE(server_->drain(milliseconds(1)));  // the stream is open
  }
  ASSERT_TRUE(stream->Read(&response));
  server_->stop_accepting();
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

}  // namespace
}  // namespace neso::grpc_api
