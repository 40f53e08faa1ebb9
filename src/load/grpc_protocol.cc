// SPDX-License-Identifier: Apache-2.0
#include "load/grpc_protocol.h"

#include <fmt/format.h>
#include <grpc_service.grpc.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <condition_variable>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread_annotations.h"
#include "load/triton_wire.h"

namespace neso::load {
namespace {

using ::grpc::ByteBuffer;
using ::grpc::Status;
using ::grpc::StatusCode;

constexpr size_t kMostBytes = size_t{64} << 20;  // of all requests, unless one is larger
constexpr const char* kModelInfer = "/inference.GRPCInferenceService/ModelInfer";

std::string authority(const net::Endpoint& endpoint) {
  const bool ipv6 = endpoint.address.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", endpoint.address, endpoint.port)
              : fmt::format("{}:{}", endpoint.address, endpoint.port);
}

// With a connection of its own: gRPC would let all channels to a server share one.
std::shared_ptr<::grpc::Channel> open_channel(const net::Endpoint& endpoint) {
  ::grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  return ::grpc::CreateCustomChannel(authority(endpoint), ::grpc::InsecureChannelCredentials(),
                                     arguments);
}

std::chrono::system_clock::time_point wall(int64_t at_ns) {
  return std::chrono::system_clock::now() +
         std::chrono::nanoseconds(at_ns - system_clock().now_ns());
}

// gRPC has one code for a server that says that it is not ready and for none at all; its own words
// tell them apart.
OutcomeKind kind_of(const Status& status) {
  const std::string words = status.error_message();
  const auto says = [&words](std::string_view text) { return words.find(text) != words.npos; };
  if (status.error_code() == StatusCode::DEADLINE_EXCEEDED) return OutcomeKind::Timeout;
  if (status.error_code() != StatusCode::UNAVAILABLE) return OutcomeKind::Status;
  if (says("failed to connect") || says("Connection refused")) return OutcomeKind::Connect;
  if (says("Socket closed") || says("Connection reset") || says("Broken pipe"))
    return OutcomeKind::Reset;
  return OutcomeKind::Status;
}

// The requests, and how many rows an answer has; 0: nobody knows.
struct Requests {
  std::vector<ByteBuffer> bytes;
  int64_t rows = 0;
};

class GrpcCaller final : public Caller {
 public:
  GrpcCaller(const Requests& requests, const net::Endpoint& endpoint, net::ClientLoop& loop,
             OnOutcome on_outcome)
      : requests_(requests),
        loop_(loop),
        on_outcome_(std::move(on_outcome)),
        stub_(open_channel(endpoint)) {}
  // gRPC's thread may still be about to answer.
  ~GrpcCaller() override {
    if (call_) call_->context.TryCancel();
    MutexLock lock(mutex_);
    while (under_way_) lock.wait(over_);
  }
  GrpcCaller(const GrpcCaller&) = delete;
  GrpcCaller& operator=(const GrpcCaller&) = delete;

  void call(size_t number, int64_t deadline_ns) override {
    call_ = std::make_unique<Call>();
    call_->context.set_deadline(wall(deadline_ns));
    {
      MutexLock lock(mutex_);
      under_way_ = true;
    }
    stub_.UnaryCall(&call_->context, kModelInfer, {}, &requests_.bytes[number], &call_->answer,
                    [this](Status status) { answered(std::move(status)); });
  }

 private:
  struct Call {
    ::grpc::ClientContext context;
    ByteBuffer answer;
    Status status;
  };

  // On a thread of gRPC's: the outcome belongs to the loop's.
  void answered(Status status) EXCLUDES(mutex_) {
    call_->status = std::move(status);
    loop_.post([this, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) finish();
    });
    MutexLock lock(mutex_);
    under_way_ = false;
    over_.notify_one();
  }

  void finish() {
    const std::unique_ptr<Call> call = std::move(call_);
    const Status& status = call->status;
    if (!status.ok()) {
      return on_outcome_({.kind = kind_of(status),
                          .status = static_cast<int>(status.error_code()),
                          .text = status.error_message()});
    }
    inference::ModelInferResponse answer;
    if (!::grpc::SerializationTraits<inference::ModelInferResponse>::Deserialize(&call->answer,
                                                                                 &answer)
             .ok()) {
      return on_outcome_({.kind = OutcomeKind::Malformed, .text = "the answer is no message"});
    }
    const int64_t rows = answer.outputs_size() > 0 && answer.outputs(0).shape_size() > 0
                             ? answer.outputs(0).shape(0)
                             : -1;
    if (requests_.rows == 0 || rows == requests_.rows) return on_outcome_({});
    const std::string sentence =
        fmt::format("the answer has {} rows instead of {}", rows, requests_.rows);
    on_outcome_({.kind = OutcomeKind::Rows, .text = sentence});
  }

  const Requests& requests_;
  net::ClientLoop& loop_;
  const OnOutcome on_outcome_;
  ::grpc::GenericStub stub_;
  std::unique_ptr<Call> call_;  // under way, or answered and not yet told
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  Mutex mutex_;
  std::condition_variable over_;
  bool under_way_ GUARDED_BY(mutex_) = false;
};

class GrpcProtocol final : public Protocol {
 public:
  GrpcProtocol(net::Endpoint endpoint, Requests requests)
      : endpoint_(std::move(endpoint)), requests_(std::move(requests)) {}

  size_t request_count() const override { return requests_.bytes.size(); }
  std::unique_ptr<Caller> open(net::ClientLoop& loop, OnOutcome on_outcome) const override {
    return std::make_unique<GrpcCaller>(requests_, endpoint_, loop, std::move(on_outcome));
  }

 private:
  const net::Endpoint endpoint_;
  const Requests requests_;
};

// What the server says of the model.
struct ModelFacts {
  std::vector<InputSpec> inputs;
  bool batches = false;
};

Result<ModelFacts> ask_facts(const Target& target, const std::string& model) {
  const auto stub = inference::GRPCInferenceService::NewStub(open_channel(target.endpoint));
  const auto deadline = wall(system_clock().now_ns() + target.timeout_ns);
  ::grpc::ClientContext contexts[2];
  for (auto& context : contexts) context.set_deadline(deadline);
  inference::ModelMetadataRequest which;
  which.set_name(model);
  inference::ModelMetadataResponse metadata;
  if (const Status asked = stub->ModelMetadata(&contexts[0], which, &metadata); !asked.ok()) {
    return not_found(
        "ModelMetadata of '{}' was answered with status {}: {}; does a gRPC server listen on that "
        "port?",
        model, static_cast<int>(asked.error_code()), asked.error_message());
  }
  ModelFacts facts;
  for (const auto& input : metadata.inputs()) {
    const auto dtype = dtype_from_kserve(input.datatype());
    if (!dtype) {
      return unsupported("the model's input '{}' has datatype '{}', which is none of KServe's",
                         input.name(), input.datatype());
    }
    facts.inputs.push_back(
        {input.name(), *dtype, Shape(input.shape().begin(), input.shape().end())});
  }
  inference::ModelConfigRequest config_of;
  config_of.set_name(model);
  inference::ModelConfigResponse config;
  if (stub->ModelConfig(&contexts[1], config_of, &config).ok()) {
    facts.batches = config.config().max_batch_size() > 0;
  } else {
    NESO_TRY(facts.batches, read_batches({}, facts.inputs));
  }
  return facts;
}

ByteBuffer request_bytes(const std::string& model, std::span<const NamedTensor> inputs) {
  inference::ModelInferRequest message;
  message.set_model_name(model);
  for (const auto& [name, tensor] : inputs) {
    auto& input = *message.add_inputs();
    input.set_name(name);
    input.set_datatype(std::string(kserve_name(tensor.dtype())));
    input.mutable_shape()->Add(tensor.shape().begin(), tensor.shape().end());
    message.add_raw_input_contents(tensor.bytes().data(), tensor.bytes().size());
  }
  const ::grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

}  // namespace

Result<std::unique_ptr<Protocol>> open_grpc_protocol(const Target& target,
                                                     const PayloadOptions& options,
                                                     size_t most_requests) {
  NESO_TRY(ModelFacts facts, ask_facts(target, options.model));
  NESO_TRY(TensorSource tensors, tensors_of(std::move(facts.inputs), facts.batches, options));
  Requests requests{.rows = facts.batches ? static_cast<int64_t>(options.rows) : 0};
  for (size_t bytes = 0; requests.bytes.size() < most_requests && bytes < kMostBytes;) {
    requests.bytes.push_back(request_bytes(options.model, tensors.next()));
    bytes += requests.bytes.back().Length();
  }
  return std::unique_ptr<Protocol>(
      std::make_unique<GrpcProtocol>(target.endpoint, std::move(requests)));
}

}  // namespace neso::load
