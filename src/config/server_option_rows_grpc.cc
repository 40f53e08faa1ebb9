// SPDX-License-Identifier: Apache-2.0
// The options of the gRPC server.
#include "base/error.h"
#include "config/server_option_forms.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

constexpr std::string_view kNoPool = "messages are not pooled";

OptionValue compression_value(CompressionLevel& level) {
  return {"string", "none", [&level](std::string_view text) -> Result<> {
            constexpr std::string_view kLevels[] = {"none", "low", "medium", "high"};
            NESO_TRY(const size_t index,
                     read_choice(text, "grpc-infer-response-compression-level", kLevels));
            level = static_cast<CompressionLevel>(index);
            return {};
          }};
}

OptionValue restricted_protocol_value(GrpcOptions& grpc) {
  return {
      "<string>:<string>=<string>", "", [&grpc](std::string_view text) -> Result<> {
        NESO_TRY_VOID(check_named_setting(text, "grpc-restricted-protocol", "config name", ':'));
        return add_restriction(text, "protocol", grpc.restricted);
      }};
}

OptionSection connection_section(GrpcOptions& grpc) {
  return {
      "",
      {{"grpc-use-ssl", bool_value(grpc.use_ssl),
        "Encrypt gRPC with TLS; needs --grpc-server-cert and --grpc-server-key."},
       {"grpc-use-ssl-mutual", bool_value(grpc.use_ssl_mutual),
        "Encrypt gRPC with TLS and ask clients for a certificate that --grpc-root-cert vouches "
        "for."},
       {"grpc-server-cert", path_value(grpc.server_cert),
        "File with the server's certificate, PEM."},
       {"grpc-server-key", path_value(grpc.server_key), "File with the server's key, PEM."},
       {"grpc-root-cert", path_value(grpc.root_cert), "File with the root certificate, PEM."},
       {"grpc-infer-response-compression-level", compression_value(grpc.response_compression),
        "Compression of answers, as far as the client understands it: none, low, medium or high."},
       {"grpc-keepalive-time", integer_value(grpc.keepalive_time_ms, 0),
        "Milliseconds before a quiet client is pinged."},
       {"grpc-keepalive-timeout", integer_value(grpc.keepalive_timeout_ms, 0),
        "Milliseconds that a ping may take."},
       {"grpc-keepalive-permit-without-calls", bool_value(grpc.keepalive_permit_without_calls),
        "Ping clients without calls, too."},
       {"grpc-http2-max-pings-without-data", integer_value(grpc.http2_max_pings_without_data, 0),
        "Pings sent without data between; 0 is any number."},
       {"grpc-http2-min-recv-ping-interval-without-data",
        integer_value(grpc.http2_min_recv_ping_interval_ms, 0),
        "Milliseconds that must lie between a client's pings without data."},
       {"grpc-http2-max-ping-strikes", integer_value(grpc.http2_max_ping_strikes, 0),
        "Pings too early before a client is let go; 0 is any number."},
       {"grpc-max-connection-age", integer_value(grpc.max_connection_age_ms, 0),
        "Milliseconds that a connection may live; 0 is for ever."},
       {"grpc-max-connection-age-grace", integer_value(grpc.max_connection_age_grace_ms, 0),
        "Milliseconds to finish calls after that; 0 is for ever."},
       {"grpc-restricted-protocol", restricted_protocol_value(grpc),
        "PROTOCOLS:KEY=VALUE: calls of these protocols (health, metadata, inference, "
        "shared-memory, model-config, model-repository, statistics, trace, logging; several with "
        "commas) need the metadata triton-grpc-protocol-KEY with this value. May be given several "
        "times."}}};
}

}  // namespace

OptionSection grpc_section(ServerDraft& draft) {
  ServerOptions& o = draft.options;
  OptionSection section{
      "GRPC",
      {{"allow-grpc", bool_value(o.allow_grpc), "Serve gRPC."},
       {"grpc-address", text_value(o.grpc_address), "Address that the gRPC server listens on."},
       {"grpc-port", integer_value(o.grpc_port, 0, 65535),
        "Port of the gRPC server; 0 is any free one."},
       {"reuse-grpc-port", bool_value(o.grpc.reuse_port),
        "Share the gRPC port with other servers."},
       {"grpc-header-forward-pattern", ignored_text(),
        "Regular expression of metadata that become parameters of the request.",
        "models take no parameters of a request"},
       {"grpc-infer-thread-count", ignored_integer("2", 2, 128),
        "Threads that handle inference requests.",
        "gRPC's own threads and the server's workers share them"},
       {"grpc-infer-allocation-pool-size", ignored_integer("8"), "Request objects kept for reuse.",
        kNoPool},
       {"grpc-max-response-pool-size", ignored_integer("2147483647", 1),
        "Responses kept for reuse.", kNoPool}}};
  for (Option& option : connection_section(o.grpc).options)
    section.options.push_back(std::move(option));
  return section;
}

}  // namespace neso
