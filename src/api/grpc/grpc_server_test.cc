// SPDX-License-Identifier: Apache-2.0
// Single calls, and what the server refuses to be.
#include "api/grpc/grpc_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "api/grpc/test_grpc.h"
#include "request/test_shared_memory.h"

namespace neso::grpc_api {
namespace {

using ::grpc::ClientContext;
using ::grpc::Status;
using ::grpc::StatusCode;
using ::grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class GrpcServerTest : public ::testing::Test, protected TestGrpc {
 protected:
  GrpcServerTest() : TestGrpc(NESO_TEST_ONNX, NESO_TEST_ONNX_RUNTIME) {}
};

TEST_F(GrpcServerTest, TellsWhatIsServed) {
  start();
  ClientContext contexts[4];
  inference::ServerMetadataResponse server;
  ASSERT_TRUE(stub_->ServerMetadata(&contexts[0], {}, &server).ok());
  EXPECT_THAT(server.extensions(), ::testing::Contains("classification"));
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

TEST_F(GrpcServerTest, ClientsMemoryIsRegisteredShownReadAndWritten) {
  start();
  ClientMemory client(192);
  client.write(64, std::vector<int32_t>(16, 7));
  inference::SystemSharedMemoryRegisterRequest region;
  region.set_name("r");
  region.set_key(client.key());
  region.set_byte_size(192);
  inference::SystemSharedMemoryRegisterResponse registered;
  ClientContext contexts[5];
  ASSERT_TRUE(stub_->SystemSharedMemoryRegister(&contexts[0], region, &registered).ok());
  EXPECT_EQ(stub_->SystemSharedMemoryRegister(&contexts[1], region, &registered).error_code(),
            StatusCode::ALREADY_EXISTS);
  inference::SystemSharedMemoryStatusResponse status;
  ASSERT_TRUE(stub_->SystemSharedMemoryStatus(&contexts[2], {}, &status).ok());
  EXPECT_EQ(status.regions().at("r").key(), client.key());
  EXPECT_EQ(status.regions().at("r").byte_size(), 192U);

  const auto place = [](auto& tensor, int64_t offset) {
    auto& parameters = *tensor.mutable_parameters();
    parameters["shared_memory_region"].set_string_param("r");
    parameters["shared_memory_offset"].set_int64_param(offset);
    parameters["shared_memory_byte_size"].set_int64_param(64);
  };
  auto request = sums();
  request.mutable_inputs(1)->clear_contents();
  place(*request.mutable_inputs(1), 64);
  auto& output = *request.add_outputs();
  output.set_name("OUTPUT0");
  place(output, 128);
  const Status answered = infer(request);
  ASSERT_TRUE(answered.ok()) << answered.error_message();
  ASSERT_EQ(answer_.raw_output_contents_size(), 1);
  EXPECT_EQ(answer_.raw_output_contents(0), "");
  EXPECT_EQ(client.read<int32_t>(128, 16)[15], 22);

  inference::SystemSharedMemoryUnregisterResponse unregistered;
  ASSERT_TRUE(stub_->SystemSharedMemoryUnregister(&contexts[3], {}, &unregistered).ok());
  inference::SystemSharedMemoryStatusRequest which;
  which.set_name("r");
  EXPECT_EQ(stub_->SystemSharedMemoryStatus(&contexts[4], which, &status).error_code(),
            StatusCode::NOT_FOUND);
  EXPECT_EQ(infer(request).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(GrpcServerTest, WithoutAGpuNoneOfItsMemoryIsRegistered) {
  start();
  ClientContext contexts[5];
  inference::CudaSharedMemoryStatusResponse status;
  EXPECT_TRUE(stub_->CudaSharedMemoryStatus(&contexts[0], {}, &status).ok());
  inference::CudaSharedMemoryStatusRequest which;
  which.set_name("r");
  EXPECT_EQ(stub_->CudaSharedMemoryStatus(&contexts[1], which, &status).error_code(),
            StatusCode::NOT_FOUND);
  inference::CudaSharedMemoryRegisterRequest region;
  region.set_name("r");
  region.set_raw_handle(std::string(64, '0'));
  inference::CudaSharedMemoryRegisterResponse registered;
  Status refused = stub_->CudaSharedMemoryRegister(&contexts[2], region, &registered);
  EXPECT_EQ(refused.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused.error_message(), "failed to register shared memory region: invalid args");
  region.set_raw_handle("short");
  refused = stub_->CudaSharedMemoryRegister(&contexts[3], region, &registered);
  EXPECT_THAT(refused.error_message(), HasSubstr("'raw_handle' must be"));
  inference::CudaSharedMemoryUnregisterResponse unregistered;
  EXPECT_TRUE(stub_->CudaSharedMemoryUnregister(&contexts[4], {}, &unregistered).ok());
}

TEST_F(GrpcServerTest, AMessageBeyondTheMemoryIsRefused) {
  MemoryBudget memory(200);
  options_.memory = &memory;
  start();
  EXPECT_EQ(infer(texts(std::string(1000, 'x'))).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(infer(texts("short")).ok());
  {
    MemoryShare others(&memory, MemoryUse::Request);
    others.set(190);
    EXPECT_EQ(infer(texts("short")).error_code(), StatusCode::UNAVAILABLE);
  }
  EXPECT_TRUE(infer(texts("short")).ok());
  server_.reset();
  EXPECT_EQ(memory.held_by_requests(), 0U);
}

TEST_F(GrpcServerTest, ADeadlineEndsACallThatWaits) {
  start();
  ClientContext context;
  context.set_deadline(system_clock::now() + milliseconds(1));
  Status status;
  {
    const Blocked blocked(*service_);
    status = stub_->ModelInfer(&context, texts(long_text()), &answer_);
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
