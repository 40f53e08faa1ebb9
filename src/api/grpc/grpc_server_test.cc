// SPDX-License-Identifier: Apache-2.0
// The server on a loopback port, asked by the generated client: real models on ONNX Runtime behind
// the real service.
#include "api/grpc/grpc_server.h"

#include <gmock/gmock.h>
#include <grpc_service.grpc.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <health.grpc.pb.h>

#include <cstring>
#include <latch>

#include "base/metrics.h"
#include "base/temporary_folder.h"
#include "serving/repository.h"

namespace neso::grpc_api {
namespace {

namespace fs = std::filesystem;
using ::grpc::ClientContext;
using ::grpc::Status;
using ::grpc::StatusCode;
using ::grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The one-worker service is what texts wait for; see Blocked.
class GrpcServerTest : public ::testing::Test {
 protected:
  GrpcServerTest() {
    add("simple", "simple.onnx");
    add("texts", "identity_bytes.onnx");
    add("floats", "identity_fp32.onnx");
    RepositoryOptions options;
    options.folders = {folder_.path()};
    options.engine.onnx_runtime_library = NESO_TEST_ONNX_RUNTIME;
    repository_ = *Repository::open(options, metrics_, system_clock_);
    service_ = *Service::create(*repository_, {.workers = 1});
    options_.address = "127.0.0.1";
    options_.server_name = "tester";
    options_.server_version = "2.51.0";
    options_.health_interval = milliseconds(1);
  }

  void start() {
    auto server = GrpcServer::start(options_, *service_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    ::grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = ::grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                           ::grpc::InsecureChannelCredentials(), arguments);
    stub_ = inference::GRPCInferenceService::NewStub(channel_);
    health_ = ::grpc::health::v1::Health::NewStub(channel_);
  }

  void add(const std::string& model, const std::string& graph) {
    fs::create_directories(folder_.path() / model / "1");
    fs::copy_file(fs::path(NESO_TEST_ONNX) / graph, folder_.path() / model / "1" / "model.onnx");
  }

  Status infer(const inference::ModelInferRequest& request) {
    ClientContext context;
    return stub_->ModelInfer(&context, request, &answer_);
  }

  TemporaryFolder folder_;
  MetricRegistry metrics_;
  const Clock& system_clock_ = neso::system_clock();
  std::unique_ptr<Repository> repository_;
  std::unique_ptr<Service> service_;
  GrpcServerOptions options_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<::grpc::Channel> channel_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  std::unique_ptr<::grpc::health::v1::Health::Stub> health_;
  inference::ModelInferResponse answer_;
};

// While it lives the service's only worker does nothing else.
class Blocked {
 public:
  explicit Blocked(Service& service) {
    service.post([this] {
      entered_.count_down();
      gate_.wait();
      left_.count_down();
    });
    entered_.wait();
  }
  ~Blocked() {
    gate_.count_down();
    left_.wait();
  }
  Blocked(const Blocked&) = delete;
  Blocked& operator=(const Blocked&) = delete;

 private:
  std::latch entered_{1};
  std::latch gate_{1};
  std::latch left_{1};
};

inference::ModelInferRequest sums(const std::string& id = "") {
  inference::ModelInferRequest request;
  request.set_model_name("simple");
  request.set_id(id);
  for (const char* name : {"INPUT0", "INPUT1"}) {
    auto& input = *request.add_inputs();
    input.set_name(name);
    input.set_datatype("INT32");
    input.mutable_shape()->Add(1);
    input.mutable_shape()->Add(16);
    for (int i = 0; i < 16; ++i) input.mutable_contents()->add_int_contents(i);
  }
  return request;
}

inference::ModelInferRequest texts(const std::string& text, const std::string& id = "") {
  inference::ModelInferRequest request;
  request.set_model_name("texts");
  request.set_id(id);
  auto& input = *request.add_inputs();
  input.set_name("INPUT0");
  input.set_datatype("BYTES");
  input.mutable_shape()->Add(1);
  input.mutable_shape()->Add(1);
  input.mutable_contents()->add_bytes_contents(text);
  return request;
}

TEST_F(GrpcServerTest, TellsWhatIsServed) {
  start();
  ClientContext contexts[4];
  inference::ServerMetadataResponse server;
  ASSERT_TRUE(stub_->ServerMetadata(&contexts[0], {}, &server).ok());
  EXPECT_EQ(server.name(), "tester");
  EXPECT_EQ(server.version(), "2.51.0");
  inference::ModelMetadataRequest which;
  which.set_name("simple");
  inference::ModelMetadataResponse model;
  ASSERT_TRUE(stub_->ModelMetadata(&contexts[1], which, &model).ok());
  EXPECT_THAT(model.versions(), ElementsAre("1"));
  EXPECT_EQ(model.inputs(0).datatype(), "INT32");
  EXPECT_THAT(model.inputs(0).shape(), ElementsAre(-1, 16));
  inference::ModelConfigRequest name;
  name.set_name("simple");
  inference::ModelConfigResponse config;
  ASSERT_TRUE(stub_->ModelConfig(&contexts[2], name, &config).ok());
  EXPECT_EQ(config.config().backend(), "onnxruntime");
  EXPECT_EQ(config.config().input_size(), 2);
  inference::RepositoryIndexResponse index;
  ASSERT_TRUE(stub_->RepositoryIndex(&contexts[3], {}, &index).ok());
  ASSERT_EQ(index.models_size(), 3);
  EXPECT_EQ(index.models(0).name(), "floats");
  EXPECT_EQ(index.models(0).state(), "READY");
}

TEST_F(GrpcServerTest, ReadinessIsAnAnswerNotAnError) {
  start();
  const auto ready = [&](const std::string& model) {
    ClientContext context;
    inference::ModelReadyRequest request;
    request.set_name(model);
    inference::ModelReadyResponse response;
    EXPECT_TRUE(stub_->ModelReady(&context, request, &response).ok());
    return response.ready();
  };
  EXPECT_TRUE(ready("simple"));
  EXPECT_FALSE(ready("nobody"));
  ClientContext contexts[2];
  inference::ServerReadyResponse server;
  ASSERT_TRUE(stub_->ServerReady(&contexts[0], {}, &server).ok());
  EXPECT_TRUE(server.ready());
  inference::ServerLiveResponse live;
  ASSERT_TRUE(stub_->ServerLive(&contexts[1], {}, &live).ok());
  EXPECT_TRUE(live.live());
}

TEST_F(GrpcServerTest, InfersAndCounts) {
  start();
  ASSERT_TRUE(infer(sums("r")).ok());
  EXPECT_EQ(answer_.id(), "r");
  EXPECT_EQ(answer_.model_version(), "1");
  ASSERT_EQ(answer_.raw_output_contents_size(), 2);
  int32_t values[16];
  ASSERT_EQ(answer_.raw_output_contents(0).size(), sizeof values);
  std::memcpy(values, answer_.raw_output_contents(0).data(), sizeof values);
  EXPECT_EQ(values[5], 10);
  ClientContext context;
  inference::ModelStatisticsRequest which;
  which.set_name("simple");
  inference::ModelStatisticsResponse statistics;
  ASSERT_TRUE(stub_->ModelStatistics(&context, which, &statistics).ok());
  EXPECT_EQ(statistics.model_stats(0).inference_stats().success().count(), 1U);
  EXPECT_EQ(statistics.model_stats(0).batch_stats(0).batch_size(), 1U);
}

TEST_F(GrpcServerTest, LargeTensorsComeBackWhole) {
  start();
  inference::ModelInferRequest request;
  request.set_model_name("floats");
  auto& input = *request.add_inputs();
  input.set_name("INPUT0");
  input.set_datatype("FP32");
  input.mutable_shape()->Add(1);
  input.mutable_shape()->Add(2'000'000);
  std::string& raw = *request.add_raw_input_contents();
  raw.resize(8'000'000);
  for (size_t i = 0; i < raw.size(); i += 997) raw[i] = static_cast<char>(i % 100);
  ASSERT_TRUE(infer(request).ok());
  EXPECT_TRUE(answer_.raw_output_contents(0) == raw);
}

TEST_F(GrpcServerTest, FailuresAreStatusesWithTritonsSentences) {
  start();
  auto request = sums();
  request.set_model_name("nobody");
  Status status = infer(request);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "Request for unknown model: 'nobody' is not found");
  request = sums();
  request.set_model_version("x");
  EXPECT_EQ(infer(request).error_code(), StatusCode::INVALID_ARGUMENT);
  request = sums("r");
  request.mutable_inputs(0)->set_shape(0, 2);
  status = infer(request);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("[request id: r] input 'INPUT"));
  EXPECT_THAT(status.error_message(),
              HasSubstr("' batch size does not match other inputs for 'simple'"));
}

// Also when the decoding fails first.
TEST_F(GrpcServerTest, AnUnknownModelWinsOverWhateverElseIsWrong) {
  start();
  auto request = sums();
  request.set_model_name("nobody");
  (*request.mutable_parameters())["triton_x"].set_bool_param(true);
  EXPECT_EQ(infer(request).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(GrpcServerTest, LongSentencesAreCutSoThatClientsTakeThem) {
  start();
  auto request = sums();
  request.set_model_name(std::string(100'000, 'm'));
  const Status status = infer(request);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("Request for unknown model: 'mmm"));
}

TEST_F(GrpcServerTest, WhatTheServiceCannotDoIsUnimplementedWithASentence) {
  start();
  ClientContext context;
  inference::TraceSettingResponse response;
  const Status status = stub_->TraceSetting(&context, {}, &response);
  EXPECT_EQ(status.error_code(), StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("tracing"));
}

TEST_F(GrpcServerTest, AMessageBeyondTheMemoryIsRefused) {
  MemoryBudget memory(200);
  options_.memory = &memory;
  start();
  EXPECT_EQ(infer(texts(std::string(1000, 'x'))).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(infer(texts("short")).ok());
  server_.reset();
  EXPECT_EQ(memory.held_by_requests(), 0U);
}

TEST_F(GrpcServerTest, AStreamIsAnsweredInItsOrder) {
  start();
  ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  inference::ModelStreamInferResponse response;
  std::vector<std::string> ids;
  {
    // The texts wait for the worker, the sums behind them do not.
    const Blocked blocked(*service_);
    for (const char* id : {"a", "b"}) ASSERT_TRUE(stream->Write(texts(id, id)));
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

TEST_F(GrpcServerTest, AFailedRequestDoesNotEndItsStream) {
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

TEST_F(GrpcServerTest, MoreRequestsThanAStreamHoldsAreAllAnswered) {
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

TEST_F(GrpcServerTest, ACancelledStreamLeavesNothingBehind) {
  start();
  {
    ClientContext context;
    const auto stream = stub_->ModelStreamInfer(&context);
    const Blocked blocked(*service_);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(stream->Write(texts("x")));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  }
  server_->stop_accepting();
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

TEST_F(GrpcServerTest, ADeadlineEndsACallThatWaits) {
  start();
  ClientContext context;
  context.set_deadline(system_clock::now() + milliseconds(1));
  Status status;
  {
    const Blocked blocked(*service_);
    status = stub_->ModelInfer(&context, texts("x"), &answer_);
  }
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  server_->stop_accepting();
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

TEST_F(GrpcServerTest, RestrictedCallsNeedTheirHeader) {
  options_.connections.restricted = {{"inference", {"who", "me"}}, {"health", {"who", "me"}}};
  start();
  Status status = infer(sums());
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(),
            "This protocol is restricted, expecting header 'triton-grpc-protocol-who'");
  const auto with = [&](std::vector<std::string> values) {
    ClientContext context;
    for (const auto& value : values) context.AddMetadata("triton-grpc-protocol-who", value);
    return stub_->ModelInfer(&context, sums(), &answer_).error_code();
  };
  EXPECT_EQ(with({"me"}), StatusCode::OK);
  EXPECT_EQ(with({"you"}), StatusCode::UNAVAILABLE);
  EXPECT_EQ(with({"me", "you"}), StatusCode::UNAVAILABLE);
  ClientContext contexts[4];
  const auto stream = stub_->ModelStreamInfer(&contexts[0]);
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::UNAVAILABLE);
  HealthCheckResponse health;
  EXPECT_EQ(health_->Check(&contexts[1], {}, &health).error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(health_->Watch(&contexts[2], {})->Finish().error_code(), StatusCode::UNAVAILABLE);
  inference::ServerMetadataResponse metadata;
  EXPECT_TRUE(stub_->ServerMetadata(&contexts[3], {}, &metadata).ok());
}

TEST_F(GrpcServerTest, HealthIsReadinessWhicheverServiceIsAskedAbout) {
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

TEST_F(GrpcServerTest, HealthCanBeWatched) {
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

TEST_F(GrpcServerTest, AWatcherThatLeavesLeavesNothingBehind) {
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

TEST_F(GrpcServerTest, AStoppingServerRefusesNewRequestsAndAnswersThoseItHas) {
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
      waiting_status = stub_->ModelInfer(&own, texts("x"), &waiting_answer);
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

TEST_F(GrpcServerTest, ADrainOutOfTimeSaysSo) {
  start();
  ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(sums()));
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  {
    const Blocked blocked(*service_);
    ASSERT_TRUE(stream->Write(texts("x")));
    ASSERT_TRUE(stream->Write(sums()));
    EXPECT_FALSE(server_->drain(milliseconds(1)));  // the stream is open
  }
  ASSERT_TRUE(stream->Read(&response));
  server_->stop_accepting();
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
}

TEST_F(GrpcServerTest, APortThatIsTakenNamesItsOwner) {
  start();
  options_.port = server_->port();
  options_.port_hint = "choose another";
  const auto second = GrpcServer::start(options_, *service_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::NotReady);
  EXPECT_THAT(
      second.error().message,
      HasSubstr("Socket '127.0.0.1:" + std::to_string(options_.port) + "' already in use by "));
  EXPECT_THAT(second.error().message, HasSubstr("; choose another"));
}

TEST_F(GrpcServerTest, AddressesThatAreNoneAreRefused) {
  options_.address = "192.0.2.1";
  EXPECT_FALSE(GrpcServer::start(options_, *service_));
}

TEST_F(GrpcServerTest, CertificatesThatCannotBeReadAreNamed) {
  options_.connections.use_ssl = true;
  options_.connections.server_key = folder_.path() / "none.key";
  const auto server = GrpcServer::start(options_, *service_);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("--grpc-server-key"));
  EXPECT_THAT(server.error().message, HasSubstr("none.key"));
}

}  // namespace
}  // namespace neso::grpc_api
