// SPDX-License-Identifier: Apache-2.0
// What of the server's options can only be judged together.
#include "config/server_options.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "config/cache_folder.h"
#include "config/nearest_name.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

constexpr std::string_view kOwnName = "neso serve";

void settle_auto_complete(ServerDraft& draft) {
  ServerOptions& options = draft.options;
  if (draft.disable_auto_complete_config && draft.strict_model_config == false) {
    options.warnings.emplace_back(
        "Warning: Overriding deprecated '--strict-model-config' from False to True in favor of "
        "'--disable-auto-complete-config'!");
  }
  options.auto_complete_config =
      !draft.disable_auto_complete_config && !draft.strict_model_config.value_or(false);
}

Result<> check_ports(const ServerOptions& o) {
  struct Listener {
    bool on;
    std::string_view what;
    const std::string& address;
    uint16_t port;
  };
  const std::array<Listener, 3> listeners = {
      {{o.allow_http, "HTTP", o.http_address, o.http_port},
       {o.allow_grpc, "GRPC", o.grpc_address, o.grpc_port},
       {o.allow_metrics, "metrics", o.metrics_address, o.metrics_port}}};
  for (size_t i = 0; i < listeners.size(); ++i) {
    for (size_t j = i + 1; j < listeners.size(); ++j) {
      const Listener& a = listeners[i];
      const Listener& b = listeners[j];
      if (a.on && b.on && a.port != 0 && a.port == b.port && a.address == b.address) {
        return invalid_argument(
            "The server cannot listen to {} requests and {} requests at the same address and port "
            "{}:{}",
            a.what, b.what, a.address, a.port);
      }
    }
  }
  return {};
}

void note_traces_without_a_place(ServerOptions& o) {
  if (o.trace.settings.level.off() || o.trace.mode != TraceMode::Triton || !o.trace.file.empty())
    return;
  o.notes.emplace_back(
      "a trace level is set, but nothing is traced without a file: give --trace-config "
      "triton,file=PATH, or --trace-config mode=opentelemetry");
}

void note_resources_without_a_limiter(ServerOptions& o) {
  if (o.rate_limit || o.rate_limit_resources.empty()) return;
  o.notes.emplace_back(
      "--rate-limit-resource has no effect without --rate-limit=execution_count: instances run as "
      "soon as they are free");
}

Result<> check_something_is_served(ServerOptions& o) {
  if (o.allow_http || o.allow_grpc) return {};
  if (!o.allow_metrics) {
    return invalid_argument(
        "Nothing would be served: --allow-http=false, --allow-grpc=false and --allow-metrics=false "
        "leave no port open. Allow HTTP or gRPC.");
  }
  o.notes.emplace_back(
      "only metrics are served: --allow-http=false and --allow-grpc=false close the ports that "
      "models are reached by");
  return {};
}

// Who restricts a group over one protocol hardly means to leave the other one open.
void note_open_twins(ServerOptions& o) {
  struct Side {
    std::string_view option, protocol, allow;
    bool served;
    const RequiredHeaders& restricted;
  };
  const Side http{"--http-restricted-api", "HTTP", "--allow-http", o.allow_http, o.http_restricted};
  const Side grpc{"--grpc-restricted-protocol", "gRPC", "--allow-grpc", o.allow_grpc,
                  o.grpc.restricted};
  const auto note = [&](const Side& guarded, const Side& open) {
    std::string groups;
    for (const auto& [group, header] : guarded.restricted) {
      if (!open.restricted.contains(group)) groups += (groups.empty() ? "" : ", ") + group;
    }
    if (groups.empty() || !guarded.served || !open.served) return;
    o.notes.push_back(fmt::format(
        "{} restricts {} over {} only: {} leaves it open; add {}, or {}=false", guarded.option,
        groups, guarded.protocol, open.protocol, open.option, open.allow));
  };
  note(http, grpc);
  note(grpc, http);
}

// What TLS needs, before a port is opened.
Result<> settle_ssl(GrpcOptions& grpc) {
  grpc.use_ssl = grpc.use_ssl || grpc.use_ssl_mutual;
  if (!grpc.use_ssl) return {};
  if (grpc.server_cert.empty() || grpc.server_key.empty()) {
    return invalid_argument(
        "TLS for gRPC needs a certificate and its key: give --grpc-server-cert and "
        "--grpc-server-key.");
  }
  if (grpc.use_ssl_mutual && grpc.root_cert.empty()) {
    return invalid_argument(
        "--grpc-use-ssl-mutual needs the certificate that vouches for the clients': give "
        "--grpc-root-cert.");
  }
  return {};
}

// Kubernetes sets these in every container beside a service called "neso".
bool is_service_link(std::string_view name, const Environment& environment) {
  if (name == "NESO_PORT")
    return environment("NESO_PORT").value_or("").find("://") != std::string::npos;
  return name.starts_with("NESO_SERVICE_HOST") || name.starts_with("NESO_SERVICE_PORT") ||
         name.starts_with("NESO_PORT_");
}

// `name` and `known` without their prefix, which all share. PORT is as near to HTTP_PORT as a
// typing error.
std::optional<std::string> nearest_variable(std::string_view name,
                                            const std::vector<std::string>& known) {
  if (auto nearest = nearest_name(name, known)) return nearest;
  const auto longer = std::find_if(known.begin(), known.end(), [&](std::string_view candidate) {
    return candidate.ends_with(fmt::format("_{}", name));
  });
  if (longer == known.end()) return std::nullopt;
  return *longer;
}

// Derives what follows from several options; the error is a sentence for the end of the usage.
Result<> settle(ServerDraft& draft) {
  ServerOptions& options = draft.options;
  if (!options.load_models.empty() && options.model_control_mode != "explicit") {
    return invalid_argument(
        "Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well.");
  }
  if (options.load_models.size() > 1 && std::ranges::count(options.load_models, "*") > 0) {
    return invalid_argument(
        "Error: Wildcard model name '*' must be the ONLY startup model if specified at all.");
  }
  auto& folders = options.model_repositories;
  std::sort(folders.begin(), folders.end());
  folders.erase(std::unique(folders.begin(), folders.end()), folders.end());

  if (options.metrics_address.empty()) options.metrics_address = options.http_address;
  settle_auto_complete(draft);
  if (draft.cache_config_given && draft.response_cache_byte_size_given) {
    return invalid_argument(
        "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. "
        "Please provide one or the other.");
  }
  if (const auto size = options.backend_setting("onnxruntime", "default-max-batch-size")) {
    NESO_TRY(options.default_max_batch_size, read_integer(*size, 0, INT32_MAX));
  }
  note_open_twins(options);
  NESO_TRY_VOID(check_something_is_served(options));
  note_traces_without_a_place(options);
  note_resources_without_a_limiter(options);
  NESO_TRY_VOID(settle_ssl(options.grpc));
  return check_ports(options);
}

}  // namespace

std::optional<std::string_view> ServerOptions::backend_setting(std::string_view backend,
                                                               std::string_view setting) const {
  for (const std::string_view name : {backend, std::string_view()}) {
    const auto settings = backend_config.find(name);
    if (settings == backend_config.end()) continue;
    const auto value = settings->second.find(std::string(setting));
    if (value != settings->second.end()) return value->second;
  }
  return std::nullopt;
}

ServerCommand parse_server_options(std::string_view program, std::string_view synopsis_name,
                                   std::span<const char* const> words,
                                   const Environment& environment) {
  ServerDraft draft;
  OptionTable table = server_option_table(fmt::format("{} [options]", synopsis_name), draft);
  if (synopsis_name == kOwnName) {
    table.synopsis = fmt::format("{} --model-repository=FOLDER [options]", kOwnName);
    table.description =
        "Serves the models of a repository over HTTP and gRPC until SIGTERM or SIGINT.\nExit "
        "status: 0 "
        "after a stop in good order, 1 when the command line is wrong, the start or a model fails, "
        "or requests were still running when --exit-timeout-secs was over.";
    table.help_command = "neso help serve";
  }
  ParsedOptions parsed = parse_options(table, program, words, environment);
  if (parsed.outcome == ParsedOptions::Outcome::Run) {
    if (const auto settled = settle(draft); !settled)
      parsed = usage_error(table, program, settled.error().message);
  }
  ServerCommand command{.outcome = parsed.outcome, .text = std::move(parsed.text), .options = {}};
  if (command.outcome == ParsedOptions::Outcome::Run) {
    auto& notes = draft.options.notes;
    notes.insert(notes.begin(), std::make_move_iterator(parsed.notes.begin()),
                 std::make_move_iterator(parsed.notes.end()));
    command.options = std::move(draft.options);
    return command;
  }
  std::string warnings;
  for (const std::string& warning : draft.options.warnings) warnings += warning + '\n';
  command.text.insert(0, warnings);
  return command;
}

std::vector<std::string> unknown_variable_notes(const std::vector<std::string>& variables,
                                                const Environment& environment) {
  ServerDraft draft;
  const auto rest = [](std::string_view name) {
    return std::string(name.substr(kVariablePrefix.size()));
  };
  std::vector<std::string> known = {rest(kCacheVariable)};
  for (const OptionSection& section : server_option_table("", draft).sections) {
    for (const Option& option : section.options) {
      if (option.alias_of.empty()) known.push_back(rest(environment_name(option.name)));
    }
  }
  std::vector<std::string> notes;
  for (const std::string& name : variables) {
    if (std::find(known.begin(), known.end(), rest(name)) != known.end()) continue;
    if (is_service_link(name, environment)) continue;
    const auto nearest = nearest_variable(rest(name), known);
    notes.push_back(fmt::format("the environment variable {} is no option; {}", name,
                                nearest
                                    ? fmt::format("did you mean {}{}?", kVariablePrefix, *nearest)
                                    : "'neso help serve' lists them"));
  }
  return notes;
}

std::string server_options_markdown() {
  ServerDraft draft;
  return "# Options of the server\n\nGenerated from the option table by config_test; do not edit. "
         "A flag comes before its environment variable, a variable before the\ndefault; an empty "
         "variable counts as not set. Values are `--name value` or `--name=value`; names can be "
         "shortened as long as they\nare unambiguous; booleans are true/on/1 and false/off/0.\n\n" +
         options_markdown(server_option_table(fmt::format("{} [options]", kOwnName), draft));
}

}  // namespace neso
