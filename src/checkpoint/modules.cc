// SPDX-License-Identifier: Apache-2.0
// modules.json first says which modules there are, in what order and where; then each of them is
// read.
#include "checkpoint/modules.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/config_file.h"
#include "checkpoint/in_quotes.h"

namespace neso {

namespace {

namespace fs = std::filesystem;

// In the order in which sentence-transformers joins their vectors.
struct OldPoolingKey {
  std::string_view key;
  PoolingMode mode;
};
constexpr OldPoolingKey kOldPoolingKeys[] = {
    {"pooling_mode_cls_token", PoolingMode::Cls},
    {"pooling_mode_max_tokens", PoolingMode::Max},
    {"pooling_mode_mean_tokens", PoolingMode::Mean},
    {"pooling_mode_mean_sqrt_len_tokens", PoolingMode::MeanSqrtLength},
    {"pooling_mode_weightedmean_tokens", PoolingMode::WeightedMean},
    {"pooling_mode_lasttoken", PoolingMode::LastToken},
};

// {"pooling_mode": "mean"} or {"pooling_mode": ["cls", "mean"]}
Result<PoolingSpec> read_new_pooling(const ConfigFile& config, const JsonValue& value) {
  constexpr std::string_view kKey = "pooling_mode";
  const JsonArray single = {value};
  PoolingSpec spec;
  spec.modes.clear();
  for (const JsonValue& element : value.is_array() ? value.array() : single) {
    const std::optional<std::string_view> name = element.as_string();
    if (!name) return config.about(kKey, invalid_argument("must be a name or a list of names"));
    const std::optional<PoolingMode> mode = pooling_mode_from(*name);
    if (!mode) {
      return config.about(
          kKey,
          unsupported("is {}; supported are \"cls\", \"max\", \"mean\", \"mean_sqrt_len_tokens\", "
                      "\"weightedmean\" and \"lasttoken\"",
                      in_quotes(*name)));
    }
    if (std::ranges::count(spec.modes, *mode) > 0) {
      return config.about(kKey, invalid_argument("names {} twice", in_quotes(*name)));
    }
    spec.modes.push_back(*mode);
  }
  if (spec.modes.empty())
    return config.about(kKey, invalid_argument("must name at least one mode"));
  return spec;
}

// {"pooling_mode_mean_tokens": true, ...}; none true is mean.
Result<PoolingSpec> read_old_pooling(const ConfigFile& config) {
  for (const auto& [key, value] : config.root().members()) {
    if (!key.starts_with("pooling_mode_") || value.as_bool() == false) continue;
    if (std::ranges::count(kOldPoolingKeys, std::string_view(key), &OldPoolingKey::key) == 0) {
      return config.about(key, unsupported("is a kind of pooling that is not supported"));
    }
  }
  PoolingSpec spec;
  spec.modes.clear();
  for (const OldPoolingKey& old : kOldPoolingKeys) {
    NESO_TRY(const std::optional<bool> on, config.boolean(old.key));
    if (on.value_or(false)) spec.modes.push_back(old.mode);
  }
  if (spec.modes.empty()) spec.modes = {PoolingMode::Mean};
  return spec;
}

Result<> read_pooling(const ConfigFile& config, Modules& modules) {
  const JsonValue* mode = config.find("pooling_mode");
  Result<PoolingSpec> spec =
      mode == nullptr ? read_old_pooling(config) : read_new_pooling(config, *mode);
  NESO_TRY(modules.pooling, std::move(spec));
  NESO_TRY(const std::optional<bool> include_prompt, config.boolean("include_prompt"));
  modules.include_prompt = include_prompt.value_or(true);
  NESO_TRY(const std::optional<size_t> width, config.size("embedding_dimension"));
  NESO_TRY(const std::optional<size_t> old_width, config.size("word_embedding_dimension"));
  modules.pooling_width = width ? width : old_width;
  return {};
}

// New folders may point Normalize at token states instead of the pooled vector.
Result<> check_normalize(const fs::path& folder) {
  NESO_TRY(const std::optional<ConfigFile> config,
           ConfigFile::open_if_there(folder / "config.json"));
  if (!config) return {};
  for (const std::string_view key : {"module_input_name", "module_output_name"}) {
    NESO_TRY(const std::optional<std::string> name, config->text(key));
    if (name && *name != "sentence_embedding") {
      return config->about(
          key, unsupported("is {}; only \"sentence_embedding\" is supported", in_quotes(*name)));
    }
  }
  return {};
}

struct Module {
  std::string
      kind;  // the last part of its type: "Pooling" of "sentence_transformers.models.Pooling"
  fs::path folder;
};

Result<Module> read_module(const fs::path& folder, const JsonValue& entry) {
  const JsonValue* type_value = entry.find("type");
  const JsonValue* path_value = entry.find("path");
  const std::optional<std::string_view> type =
      type_value == nullptr ? std::nullopt : type_value->as_string();
  const std::optional<std::string_view> path =
      path_value == nullptr ? std::nullopt : path_value->as_string();
  if (!type || !path)
    return invalid_argument("every module must have a \"type\" and a \"path\", both strings");
  const fs::path relative(*path);
  const bool leaves = relative.is_absolute() || std::ranges::count(relative, fs::path("..")) > 0 ||
                      path->find('\0') != std::string_view::npos;
  if (leaves)
    return invalid_argument("the path {} of a module leads out of the folder", in_quotes(*path));
  if (!is_inside(folder, folder / relative)) {
    return invalid_argument(
        "the path {} of a module is a link that leads out of the folder; put a copy of what it "
        "links to in its place",
        in_quotes(*path));
  }
  return Module{std::string(type->substr(type->rfind('.') + 1)),
                relative.empty() ? folder : folder / relative};
}

Result<> apply_module(const Module& module, Modules& modules) {
  if (module.kind == "Pooling") {
    const fs::path path = module.folder / "config.json";
    NESO_TRY(const std::optional<ConfigFile> config, ConfigFile::open_if_there(path));
    if (!config)
      return invalid_argument("modules.json lists a Pooling, but {} is not there", path.string());
    return read_pooling(*config, modules);
  }
  if (module.kind == "Normalize") {
    NESO_TRY_VOID(check_normalize(module.folder));
    modules.normalize = true;
    return {};
  }
  modules.transformer_folder = module.folder;
  return {};
}

// The modules that a modules.json lists, in an order that we can run.
Result<std::vector<Module>> read_chain(const fs::path& folder, const ConfigFile& file) {
  constexpr std::string_view kChain[] = {"Transformer", "Pooling", "Normalize"};
  constexpr size_t kRequired = 2;
  std::vector<Module> modules;
  for (const JsonValue& entry : file.root().array()) {
    NESO_TRY(Module module, read_module(folder, entry));
    if (std::ranges::count(kChain, std::string_view(module.kind)) == 0) {
      return unsupported("the module {} is not supported; supported are {}", in_quotes(module.kind),
                         list_in_quotes(kChain));
    }
    if (modules.size() == std::size(kChain) || module.kind != kChain[modules.size()]) {
      return unsupported("the module {} is number {}; the supported order is {}",
                         in_quotes(module.kind), modules.size() + 1, list_in_quotes(kChain));
    }
    modules.push_back(std::move(module));
  }
  if (modules.size() < kRequired)
    return unsupported("it lists no {} module", in_quotes(kChain[modules.size()]));
  return modules;
}

}  // namespace

Result<Modules> read_modules(const fs::path& folder) {
  Modules modules;
  modules.transformer_folder = folder;
  NESO_TRY(const std::optional<ConfigFile> file,
           ConfigFile::open_if_there(folder / "modules.json", ConfigFile::Root::List));
  if (!file) {
    NESO_TRY(const std::optional<ConfigFile> pooling,
             ConfigFile::open_if_there(folder / "1_Pooling" / "config.json"));
    if (pooling) NESO_TRY_VOID(read_pooling(*pooling, modules));
    return modules;
  }
  const Result<std::vector<Module>> chain = read_chain(folder, *file);
  if (!chain) return chain.error().with_context(file->path().string());
  for (const Module& module : *chain) NESO_TRY_VOID(apply_module(module, modules));
  return modules;
}

}  // namespace neso
