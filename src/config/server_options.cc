// SPDX-License-Identifier: Apache-2.0
// What of the server's options can only be judged together.
#include "config/server_options.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

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

// Derives what follows from several options; the error is a sentence for the end of the usage.
Result<> settle(ServerDraft& draft) {
  ServerOptions& options = draft.options;
  if (!options.load_models.empty() && options.model_control_mode != "explicit") {
    return invalid_argument(
        "Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well.");
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
  const OptionTable table = server_option_table(fmt::format("{} [options]", synopsis_name), draft);
  ParsedOptions parsed = parse_options(table, program, words, environment);
  if (parsed.outcome == ParsedOptions::Outcome::Run) {
    if (const auto settled = settle(draft); !settled)
      parsed = usage_error(table, settled.error().message);
  }
  ServerCommand command{.outcome = parsed.outcome, .text = std::move(parsed.text), .options = {}};
  if (command.outcome == ParsedOptions::Outcome::Run) {
    draft.options.notes = std::move(parsed.notes);
    command.options = std::move(draft.options);
    return command;
  }
  std::string warnings;
  for (const std::string& warning : draft.options.warnings) warnings += warning + '\n';
  command.text.insert(0, warnings);
  return command;
}

std::string server_options_markdown() {
  ServerDraft draft;
  return "# Options of the server\n\nGenerated from the option table by config_test; do not edit. "
         "A flag comes before its environment variable, a variable before the\ndefault; an empty "
         "variable counts as not set. Values are `--name value` or `--name=value`; names can be "
         "shortened as long as they\nare unambiguous; booleans are true/on/1 and false/off/0.\n\n" +
         options_markdown(server_option_table("neso serve [options]", draft));
}

}  // namespace neso
