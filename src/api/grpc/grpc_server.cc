// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/grpc_server.h"

#include <absl/synchronization/mutex.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "api/grpc/call_gate.h"
#include "api/grpc/health_service.h"
#include "api/grpc/inference_service.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "net/port_owner.h"

namespace neso::grpc_api {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr int kMaxMetadataBytes = 16 << 10;  // of a call
constexpr int kMaxStreams = 1024;            // of a connection; further calls wait at the client
constexpr size_t kMaxPemBytes = size_t{1} << 20;

// gRPC writes to standard error in its own format, mostly about things that it gets over.
void use_our_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    gpr_set_log_function(
        [](gpr_log_func_args* line) { log_verbose(1, "gRPC: {}", line->message); });
    ::grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

std::string host_and_port(const std::string& address, uint16_t port) {
  const bool bare_ipv6 = address.find(':') != std::string::npos && !address.starts_with('[');
  return bare_ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

Result<std::string> pem(const std::filesystem::path& path, const char* option) {
  if (path.empty()) return std::string();
  auto text = read_file(path, kMaxPemBytes);
  if (!text) return text.error().with_context(option);
  return text;
}

Result<std::shared_ptr<::grpc::ServerCredentials>> credentials(const GrpcOptions& options) {
  if (!options.use_ssl) return ::grpc::InsecureServerCredentials();
  ::grpc::SslServerCredentialsOptions ssl(
      options.use_ssl_mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  ::grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  NESO_TRY(pair.private_key, pem(options.server_key, "--grpc-server-key"));
  NESO_TRY(pair.cert_chain, pem(options.server_cert, "--grpc-server-cert"));
  NESO_TRY(ssl.pem_root_certs, pem(options.root_cert, "--grpc-root-cert"));
  ssl.pem_key_cert_pairs.push_back(std::move(pair));
  return ::grpc::SslServerCredentials(ssl);
}

// As large as gRPC can, as Triton does; but not what could never be served.
void set_message_limits(const MemoryBudget* memory, ::grpc::ServerBuilder& builder) {
  constexpr int kMost = std::numeric_limits<int>::max();
  const uint64_t held = memory != nullptr ? memory->limit() : MemoryBudget::kUnlimited;
  builder.SetMaxReceiveMessageSize(static_cast<int>(std::min<uint64_t>(kMost, held)));
  builder.SetMaxSendMessageSize(kMost);
}

void set_connection_arguments(const GrpcOptions& options, ::grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, options.reuse_port ? 1 : 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_time_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS,
                             options.keepalive_permit_without_calls ? 1 : 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA,
                             options.http2_max_pings_without_data);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             options.http2_min_recv_ping_interval_ms);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, options.http2_max_ping_strikes);
  if (options.max_connection_age_ms > 0)
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, options.max_connection_age_ms);
  if (options.max_connection_age_grace_ms > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               options.max_connection_age_grace_ms);
  }
}

// gRPC does not say why it cannot listen.
Error cannot_listen(const GrpcServerOptions& options) {
  const std::string where = host_and_port(options.address, options.port);
  const std::string hint = options.port_hint.empty() ? "" : "; " + options.port_hint;
  const std::string numeric = options.address == "localhost" ? "127.0.0.1" : options.address;
  if (options.port != 0) {
    if (const auto owner = net::port_owner(numeric, options.port))
      return not_ready("Socket '{}' already in use by {}{}", where, *owner, hint);
  }
  if (options.connections.use_ssl) {
    return invalid_argument(
        "cannot listen on '{}': the files of --grpc-server-cert and --grpc-server-key are no PEM "
        "certificate and its key, or the address or port is not to be had{}",
        where, hint);
  }
  return invalid_argument(
      "cannot listen on '{}': the address is not one of this machine, or the port is taken or not "
      "permitted{}",
      where, hint);
}

class ServerOnGrpc final : public GrpcServer {
 public:
  ServerOnGrpc(const GrpcServerOptions& options, Service& service)
      : gate_(options.connections.restricted, options.errors),
        port_{.service = service,
              .gate = gate_,
              .memory = options.memory,
              .compression = options.connections.response_compression},
        inference_(make_inference_service(port_, {options.server_name, options.server_version})),
        health_(make_health_service(service, gate_, options.health_interval)) {}

  ~ServerOnGrpc() override {
    stop_accepting();
    if (server_) server_->Shutdown(system_clock::now());
  }

  Result<> listen(const GrpcServerOptions& options) {
    NESO_TRY(const auto creds, credentials(options.connections));
    ::grpc::ServerBuilder builder;
    set_message_limits(options.memory, builder);
    set_connection_arguments(options.connections, builder);
    int bound = 0;
    builder.AddListeningPort(host_and_port(options.address, options.port), creds, &bound);
    builder.RegisterService(inference_.get());
    builder.RegisterService(health_.get());
    server_ = builder.BuildAndStart();
    if (!server_ || bound == 0) return cannot_listen(options);
    bound_ = static_cast<uint16_t>(bound);
    return {};
  }

  uint16_t port() const override { return bound_; }
  void stop_accepting() override { gate_.stop_accepting(); }

  bool drain(milliseconds limit) override {
    if (!gate_.activity().wait_quiet(false, limit)) return false;
    server_->Shutdown(system_clock::now() + kLastLookups);
    return true;
  }

 private:
  // For calls that only look something up: nobody counts them.
  static constexpr milliseconds kLastLookups{500};

  CallGate gate_;
  const InferPort port_;
  const std::unique_ptr<::grpc::Service> inference_;
  const std::unique_ptr<::grpc::Service> health_;
  uint16_t bound_ = 0;
  std::unique_ptr<::grpc::Server> server_;  // goes first
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(const GrpcServerOptions& options,
                                                      Service& service) {
  use_our_log();
  // Debian's build of Abseil looks for lock cycles at every lock of gRPC, which is a
  // twentieth of a call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  auto server = std::make_unique<ServerOnGrpc>(options, service);
  NESO_TRY_VOID(server->listen(options));
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace neso::grpc_api
