// SPDX-License-Identifier: Apache-2.0
// For tests only: the server on a loopback port, with real models on ONNX Runtime behind the real
// service, and the generated client.
#pragma once

#include <grpc_service.grpc.pb.h>
#include <grpcpp/create_channel.h>
#include <health.grpc.pb.h>

#include <chrono>
#include <filesystem>
#include <latch>
#include <memory>
#include <string>

#include "api/grpc/grpc_server.h"
#include "base/check.h"
#include "base/metrics.h"
#include "base/temporary_folder.h"
#include "repository/repository.h"

namespace neso::grpc_api {

// Its service has one worker, which long texts wait for; see Blocked.
class TestGrpc {
 protected:
  // `graphs` is tests/data/onnx.
  TestGrpc(const std::filesystem::path& graphs, const std::filesystem::path& onnx_runtime) {
    add("simple", graphs / "simple.onnx");
    add("texts", graphs / "identity_bytes.onnx");
    add("floats", graphs / "identity_fp32.onnx");
    RepositoryOptions options;
    options.folders = {folder_.path()};
    options.engine.onnx_runtime_library = onnx_runtime;
    repository_ = *Repository::open(options, metrics_, system_clock_);
    service_ = *Service::create(*repository_, {.workers = 1});
    options_.address = "127.0.0.1";
    options_.server_name = "tester";
    options_.server_version = "2.51.0";
    options_.health_interval = std::chrono::milliseconds(1);
  }

  void start() {
    auto server = GrpcServer::start(options_, *service_);
    NESO_CHECK(server);
    server_ = *std::move(server);
    ::grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = ::grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                           ::grpc::InsecureChannelCredentials(), arguments);
    stub_ = inference::GRPCInferenceService::NewStub(channel_);
    health_ = ::grpc::health::v1::Health::NewStub(channel_);
  }

  void add(const std::string& model, const std::filesystem::path& graph) {
    std::filesystem::create_directories(folder_.path() / model / "1");
    std::filesystem::copy_file(graph, folder_.path() / model / "1" / "model.onnx");
  }

  ::grpc::Status infer(const inference::ModelInferRequest& request) {
    ::grpc::ClientContext context;
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

// Not tokenized on gRPC's thread.
inline std::string long_text() {
  return std::string(1000, 'x');
}

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

inline inference::ModelInferRequest sums(const std::string& id = "") {
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

inline inference::ModelInferRequest texts(const std::string& text, const std::string& id = "") {
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

}  // namespace neso::grpc_api
