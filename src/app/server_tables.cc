// SPDX-License-Identifier: Apache-2.0
#include "app/server_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "app/text_table.h"
#include "app/version.h"
#include "base/cut_text.h"

namespace neso {

std::string model_table(const std::vector<ModelStatusRow>& models) {
  std::vector<std::vector<std::string>> rows;
  for (const ModelStatusRow& row : models) rows.push_back({row.model, row.version, row.status});
  return text_table({"Model", "Version", "Status"}, rows);
}

std::string failed_models(const std::vector<ModelStatusRow>& rows) {
  constexpr size_t kMostNamed = 3;
  constexpr size_t kReasonBytes = 240;
  constexpr std::string_view kUnavailable = "UNAVAILABLE: ";
  std::string text;
  size_t failed = 0;
  for (const ModelStatusRow& row : rows) {
    if (row.status == "READY" || ++failed > kMostNamed) continue;
    std::string_view reason = row.status;
    if (reason.starts_with(kUnavailable)) reason.remove_prefix(kUnavailable.size());
    text += fmt::format("{} '{}'", failed == 1 ? ":" : ";", row.model);
    if (row.version != "-") text += fmt::format(" version {}", row.version);
    text += fmt::format(": {}", cut_text(reason.substr(0, reason.find('\n')), kReasonBytes));
  }
  if (failed > kMostNamed) text += fmt::format("; and {} more", failed - kMostNamed);
  return text;
}

std::string option_table_text(const ServerOptions& options) {
  std::vector<std::vector<std::string>> rows = {{"server_id", options.id},
                                                {"server_version", std::string(kTritonVersion)}};
  for (size_t i = 0; i < options.model_repositories.size(); ++i) {
    rows.push_back({fmt::format("model_repository_path[{}]", i), options.model_repositories[i]});
  }
  std::string mode = "MODE_" + options.model_control_mode;
  std::ranges::transform(mode, mode.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  rows.push_back({"model_control_mode", mode});
  const std::set<std::string> startup(options.load_models.begin(), options.load_models.end());
  for (size_t i = 0; const std::string& name : startup)
    rows.push_back({fmt::format("startup_models_{}", i++), name});
  rows.push_back({"strict_model_config", options.auto_complete_config ? "0" : "1"});
  rows.push_back({"model_config_name", options.model_config_name});
  rows.push_back({"rate_limit", options.rate_limit ? "EXEC_COUNT" : "OFF"});
  rows.push_back({"strict_readiness", options.strict_readiness ? "1" : "0"});
  rows.push_back({"exit_timeout", std::to_string(options.exit_timeout_secs)});
  rows.push_back({"cache_enabled", options.response_cache_bytes != 0 ? "1" : "0"});
  return text_table({"Option", "Value"}, rows);
}

}  // namespace neso
