// SPDX-License-Identifier: Apache-2.0
// The options of the gRPC server.
#include "config/server_option_forms.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

constexpr std::string_view kNoGrpc = "gRPC is not served yet";

OptionValue restricted_protocol_value() {
  return ignored_value("<string>:<string>=<string>", "", [](std::string_view text) {
    return check_named_setting(text, "grpc-restricted-protocol", "config name", ':');
  });
}

}  // namespace

OptionSection grpc_section(ServerDraft& draft) {
  ServerOptions& o = draft.options;
  return {
      "GRPC",
      {{"allow-grpc", bool_value(o.allow_grpc), "Serve gRPC.", kNoGrpc, "false"},
       {"grpc-address", text_value(o.grpc_address), "Address that the gRPC server listens on.",
        kNoGrpc},
       {"grpc-port", integer_value(o.grpc_port, 0, 65535), "Port of the gRPC server.", kNoGrpc},
       {"reuse-grpc-port", ignored_bool("false"), "Share the gRPC port with other servers.",
        kNoGrpc, "false"},
       {"grpc-header-forward-pattern", ignored_text(),
        "Regular expression of metadata that become parameters of the request.", kNoGrpc},
       {"grpc-infer-thread-count", ignored_integer("2", 2, 128),
        "Threads that handle inference requests.", kNoGrpc},
       {"grpc-infer-allocation-pool-size", ignored_integer("8"), "Request objects kept for reuse.",
        kNoGrpc},
       {"grpc-max-response-pool-size", ignored_integer("2147483647", 1),
        "Responses kept for reuse.", kNoGrpc},
       {"grpc-use-ssl", ignored_bool("false"), "Encrypt gRPC with TLS.", kNoGrpc, "false"},
       {"grpc-use-ssl-mutual", ignored_bool("false"), "Ask clients for a certificate, too.",
        kNoGrpc, "false"},
       {"grpc-server-cert", ignored_text(), "File with the server's certificate, PEM.", kNoGrpc},
       {"grpc-server-key", ignored_text(), "File with the server's key, PEM.", kNoGrpc},
       {"grpc-root-cert", ignored_text(), "File with the root certificate, PEM.", kNoGrpc},
       {"grpc-infer-response-compression-level",
        ignored_choice("none", "grpc-infer-response-compression-level",
                       {"none", "low", "medium", "high"}),
        "Compression of answers: none, low, medium or high.", kNoGrpc, "none"},
       {"grpc-keepalive-time", ignored_integer("7200000"),
        "Milliseconds before a quiet client is pinged.", kNoGrpc},
       {"grpc-keepalive-timeout", ignored_integer("20000"), "Milliseconds that a ping may take.",
        kNoGrpc},
       {"grpc-keepalive-permit-without-calls", ignored_bool("false"),
        "Ping clients without calls, too.", kNoGrpc, "false"},
       {"grpc-http2-max-pings-without-data", ignored_integer("2"),
        "Pings allowed without data between.", kNoGrpc},
       {"grpc-http2-min-recv-ping-interval-without-data", ignored_integer("300000"),
        "Milliseconds that must lie between a client's pings without data.", kNoGrpc},
       {"grpc-http2-max-ping-strikes", ignored_integer("2"),
        "Pings too early before a client is let go.", kNoGrpc},
       {"grpc-max-connection-age", ignored_integer(""), "Milliseconds that a connection may live.",
        kNoGrpc},
       {"grpc-max-connection-age-grace", ignored_integer(""),
        "Milliseconds to finish calls after that.", kNoGrpc},
       {"grpc-restricted-protocol", restricted_protocol_value(),
        "Protocols, KEY:METADATA=VALUE, that only requests with that metadata reach.", kNoGrpc}}};
}

}  // namespace neso
