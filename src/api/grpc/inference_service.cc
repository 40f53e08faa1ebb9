// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/inference_service.h"

#include <grpc_service.grpc.pb.h>

#include <string_view>
#include <utility>

#include "api/extensions.h"
#include "api/grpc/call_gate.h"
#include "api/grpc/describe.h"
#include "api/grpc/grpc_status.h"
#include "api/grpc/log_settings.h"
#include "api/grpc/model_version.h"
#include "api/grpc/repository_request.h"
#include "api/grpc/shared_memory_calls.h"
#include "api/grpc/stream_infer.h"
#include "api/grpc/trace_setting.h"
#include "api/grpc/unary_infer.h"
#include "base/error.h"

namespace neso::grpc_api {
namespace {

using ::grpc::ByteBuffer;
using ::grpc::CallbackServerContext;
using Reactor = ::grpc::ServerUnaryReactor;
using Rpc = inference::GRPCInferenceService;
// All calls by callbacks; the infer calls take and give bytes, see infer_bytes.h.
template <typename Base>
using WithHealth = Rpc::WithCallbackMethod_ServerLive<
    Rpc::WithCallbackMethod_ServerReady<Rpc::WithCallbackMethod_ModelReady<Base>>>;
template <typename Base>
using WithMetadata = Rpc::WithCallbackMethod_ServerMetadata<Rpc::WithCallbackMethod_ModelMetadata<
    Rpc::WithCallbackMethod_ModelConfig<Rpc::WithCallbackMethod_ModelStatistics<Base>>>>;
template <typename Base>
using WithRepository =
    Rpc::WithCallbackMethod_RepositoryIndex<Rpc::WithCallbackMethod_RepositoryModelLoad<
        Rpc::WithCallbackMethod_RepositoryModelUnload<Base>>>;
template <typename Base>
using WithSystemSharedMemory = Rpc::WithCallbackMethod_SystemSharedMemoryStatus<
    Rpc::WithCallbackMethod_SystemSharedMemoryRegister<
        Rpc::WithCallbackMethod_SystemSharedMemoryUnregister<Base>>>;
template <typename Base>
using WithCudaSharedMemory =
    Rpc::WithCallbackMethod_CudaSharedMemoryStatus<Rpc::WithCallbackMethod_CudaSharedMemoryRegister<
        Rpc::WithCallbackMethod_CudaSharedMemoryUnregister<Base>>>;
template <typename Base>
using WithSettings =
    Rpc::WithCallbackMethod_TraceSetting<Rpc::WithCallbackMethod_LogSettings<Base>>;
template <typename Base>
using WithInfer =
    Rpc::WithRawCallbackMethod_ModelInfer<Rpc::WithRawCallbackMethod_ModelStreamInfer<Base>>;
using Calls = WithInfer<WithHealth<WithMetadata<
    WithRepository<WithSystemSharedMemory<WithCudaSharedMemory<WithSettings<Rpc::Service>>>>>>>;
// What only looks something up, answered on gRPC's thread.
class InferenceService final : public Calls {
 public:
  InferenceService(const InferPort& port, ServerName server)
      : port_(port), service_(port.service), server_(std::move(server)) {}

  Reactor* ServerLive(CallbackServerContext* context, const inference::ServerLiveRequest*,
                      inference::ServerLiveResponse* response) override {
    return answer(context, "health", [&]() -> Result<> {
      response->set_live(service_.live());
      return {};
    });
  }

  Reactor* ServerReady(CallbackServerContext* context, const inference::ServerReadyRequest*,
                       inference::ServerReadyResponse* response) override {
    return answer(context, "health", [&]() -> Result<> {
      response->set_ready(service_.ready());
      return {};
    });
  }

  Reactor* ModelReady(CallbackServerContext* context, const inference::ModelReadyRequest* request,
                      inference::ModelReadyResponse* response) override {
    return answer(context, "health", [&]() -> Result<> {
      NESO_TRY(const auto version, read_version(request->version()));
      response->set_ready(service_.model_ready(request->name(), version).has_value());
      return {};
    });
  }

  Reactor* ServerMetadata(CallbackServerContext* context, const inference::ServerMetadataRequest*,
                          inference::ServerMetadataResponse* response) override {
    return answer(context, "metadata", [&]() -> Result<> {
      response->set_name(server_.name);
      response->set_version(server_.version);
      for (const std::string_view extension : kProtocolExtensions)
        response->add_extensions(std::string(extension));
      return {};
    });
  }

  Reactor* ModelMetadata(CallbackServerContext* context,
                         const inference::ModelMetadataRequest* request,
                         inference::ModelMetadataResponse* response) override {
    return answer(context, "metadata", [&]() -> Result<> {
      NESO_TRY(const auto version, read_version(request->version()));
      NESO_TRY(const auto metadata, service_.model_metadata(request->name(), version));
      describe(metadata, *response);
      return {};
    });
  }

  Reactor* ModelConfig(CallbackServerContext* context, const inference::ModelConfigRequest* request,
                       inference::ModelConfigResponse* response) override {
    return answer(context, "model-config", [&]() -> Result<> {
      NESO_TRY(const auto version, read_version(request->version()));
      NESO_TRY(const auto config, service_.model_config(request->name(), version));
      response->mutable_config()->ParseFromString(model_config_bytes(config));
      return {};
    });
  }

  Reactor* ModelStatistics(CallbackServerContext* context,
                           const inference::ModelStatisticsRequest* request,
                           inference::ModelStatisticsResponse* response) override {
    return answer(context, "statistics", [&]() -> Result<> {
      NESO_TRY(const auto version, read_version(request->version()));
      NESO_TRY(const auto statistics, service_.statistics(request->name(), version));
      describe(statistics, *response);
      return {};
    });
  }

  Reactor* RepositoryIndex(CallbackServerContext* context,
                           const inference::RepositoryIndexRequest* request,
                           inference::RepositoryIndexResponse* response) override {
    return answer(context, "model-repository", [&]() -> Result<> {
      if (!request->repository_name().empty())
        return unsupported("'repository_name' specification is not supported");
      describe(service_.index(request->ready()), *response);
      return {};
    });
  }

  Reactor* RepositoryModelLoad(CallbackServerContext* context,
                               const inference::RepositoryModelLoadRequest* request,
                               inference::RepositoryModelLoadResponse*) override {
    auto overrides = decode_load(*request);
    return change(context, overrides ? Result<>() : overrides.error(), [&](Completion<void> done) {
      service_.load_model(request->model_name(), *std::move(overrides), std::move(done));
    });
  }

  Reactor* RepositoryModelUnload(CallbackServerContext* context,
                                 const inference::RepositoryModelUnloadRequest* request,
                                 inference::RepositoryModelUnloadResponse*) override {
    const auto parts = decode_unload(*request);
    return change(context, parts ? Result<>() : parts.error(), [&](Completion<void> done) {
      service_.unload_model(request->model_name(), *parts, std::move(done));
    });
  }

  Reactor* SystemSharedMemoryStatus(
      CallbackServerContext* context, const inference::SystemSharedMemoryStatusRequest* request,
      inference::SystemSharedMemoryStatusResponse* response) override {
    return answer(context, "shared-memory",
                  [&] { return describe_regions(*request, service_.shared_memory(), *response); });
  }
  Reactor* SystemSharedMemoryRegister(CallbackServerContext* context,
                                      const inference::SystemSharedMemoryRegisterRequest* request,
                                      inference::SystemSharedMemoryRegisterResponse*) override {
    return answer(context, "shared-memory",
                  [&] { return register_region(*request, service_.shared_memory()); });
  }
  Reactor* SystemSharedMemoryUnregister(
      CallbackServerContext* context, const inference::SystemSharedMemoryUnregisterRequest* request,
      inference::SystemSharedMemoryUnregisterResponse*) override {
    return answer(context, "shared-memory",
                  [&] { return service_.shared_memory().unregister(request->name()); });
  }
  Reactor* CudaSharedMemoryStatus(CallbackServerContext* context,
                                  const inference::CudaSharedMemoryStatusRequest* request,
                                  inference::CudaSharedMemoryStatusResponse*) override {
    return answer(context, "shared-memory",
                  [&] { return service_.shared_memory().check_cuda_status(request->name()); });
  }
  Reactor* CudaSharedMemoryRegister(CallbackServerContext* context,
                                    const inference::CudaSharedMemoryRegisterRequest* request,
                                    inference::CudaSharedMemoryRegisterResponse*) override {
    return answer(context, "shared-memory",
                  [&] { return register_region(*request, service_.shared_memory()); });
  }
  Reactor* CudaSharedMemoryUnregister(CallbackServerContext* context,
                                      const inference::CudaSharedMemoryUnregisterRequest* request,
                                      inference::CudaSharedMemoryUnregisterResponse*) override {
    return answer(context, "shared-memory",
                  [&] { return service_.shared_memory().unregister_cuda(request->name()); });
  }

  Reactor* TraceSetting(CallbackServerContext* context,
                        const inference::TraceSettingRequest* request,
                        inference::TraceSettingResponse* response) override {
    return answer(context, "trace", [&]() -> Result<> {
      NESO_TRY_VOID(service_.check_traced_model(request->model_name()));
      NESO_TRY(const TraceChange change, read_change(*request));
      // Asking alone must not begin the settings anew.
      if (request->settings_size() > 0)
        NESO_TRY_VOID(service_.tracer().change(request->model_name(), change));
      describe(service_.tracer().rows(request->model_name()), *response);
      return {};
    });
  }
  Reactor* LogSettings(CallbackServerContext* context, const inference::LogSettingsRequest* request,
                       inference::LogSettingsResponse* response) override {
    return answer(context, "logging", [&]() -> Result<> {
      NESO_TRY_VOID(apply_log_settings(*request));
      describe(log_settings(), *response);
      return {};
    });
  }

  Reactor* ModelInfer(CallbackServerContext* context, const ByteBuffer* request,
                      ByteBuffer* response) override {
    // gRPC keeps the bytes until the call is over, and has no use for them.
    return start_unary_infer(port_, *context, const_cast<ByteBuffer&>(*request), *response);
  }

  ::grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* ModelStreamInfer(
      CallbackServerContext* context) override {
    return start_stream_infer(port_, *context);
  }

 private:
  template <typename Work>
  Reactor* answer(CallbackServerContext* context, std::string_view group, const Work& work) {
    Result<> done = port_.gate.admit(group, *context);
    if (done) done = work();
    Reactor* reactor = context->DefaultReactor();
    reactor->Finish(port_.gate.status(*context, done));
    return reactor;
  }

  // Loads and unloads take their time, on the service's threads; a stopping server waits for them.
  template <typename Work>
  Reactor* change(CallbackServerContext* context, Result<> request, const Work& work) {
    Reactor* reactor = context->DefaultReactor();
    Result<> admitted = port_.gate.admit("model-repository", *context);
    if (admitted) admitted = std::move(request);
    if (!admitted) {
      reactor->Finish(port_.gate.status(*context, admitted));
      return reactor;
    }
    CallGate& gate = port_.gate;
    gate.activity().request_begun();
    work(Completion<void>([reactor, context, &gate](const Result<>& changed) {
      gate.activity().requests_ended(1);  // while gRPC, and so the server, still waits for the call
      reactor->Finish(gate.status(*context, changed));
    }));
    return reactor;
  }

  const InferPort port_;
  neso::Service& service_;  // the base class has a Service of its own
  const ServerName server_;
};

}  // namespace

std::unique_ptr<::grpc::Service> make_inference_service(const InferPort& port, ServerName server) {
  return std::make_unique<InferenceService>(port, std::move(server));
}

}  // namespace neso::grpc_api
