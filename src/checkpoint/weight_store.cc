// SPDX-License-Identifier: Apache-2.0
// Weights in safetensors files, one or several shards.
#include "checkpoint/weight_store.h"

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/config_file.h"
#include "checkpoint/in_quotes.h"
#include "checkpoint/placed_weights.h"
#include "checkpoint/safetensors_header.h"

namespace neso {

namespace {

namespace fs = std::filesystem;

Result<std::vector<SafetensorsEntry>> read_header(const WeightFile& file) {
  std::vector<std::byte> start(std::min<uint64_t>(file.size(), 8));
  NESO_TRY_VOID(file.read(0, start));
  Result<uint64_t> data_offset = safetensors_data_offset(start, file.size());
  if (!data_offset) return data_offset.error().with_context(file.path().string());
  start.resize(*data_offset);
  NESO_TRY_VOID(file.read(0, start));
  Result<std::vector<SafetensorsEntry>> entries = parse_safetensors_header(start, file.size());
  if (!entries) return entries.error().with_context(file.path().string());
  return entries;
}

// Takes every tensor of the file; one that another file has too is refused.
Result<> add_file(const fs::path& path, PlacedWeights& store) {
  NESO_TRY(const WeightFile file, WeightFile::open(path));
  NESO_TRY(std::vector<SafetensorsEntry> entries, read_header(file));
  for (SafetensorsEntry& entry : entries) {
    if (const WeightPlace* there = store.place(entry.name); there != nullptr) {
      return invalid_argument("tensor {} is in two files, {} and {}", in_quotes(entry.name),
                              there->file.path().string(), path.string());
    }
    store.add(std::move(entry.name), {std::move(entry.info), entry.offset, file});
  }
  return {};
}

// A file of the folder named by another file, so that name is not to be trusted.
Result<fs::path> shard_path(const fs::path& folder, std::string_view name) {
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
  if (!plain)
    return invalid_argument("names the file {}; it must be a plain file name of this folder",
                            in_quotes(name));
  fs::path path = folder / name;
  std::error_code error;
  if (!fs::exists(path, error))
    return invalid_argument("names the file {}, which is not there", in_quotes(name));
  if (!is_inside(folder, path)) {
    return invalid_argument("names the file {}, a link that leads out of the folder",
                            in_quotes(name));
  }
  return path;
}

Result<> add_shards(const fs::path& folder, const ConfigFile& index, PlacedWeights& store) {
  const JsonValue* map = index.find("weight_map");
  if (map == nullptr || map->members().empty()) {
    return invalid_argument("{} has no \"weight_map\" from tensors to files",
                            index.path().string());
  }
  std::map<std::string_view, fs::path> paths;  // by name
  for (const auto& [tensor, file] : map->members()) {
    const std::optional<std::string_view> name = file.as_string();
    if (!name) return index.about("weight_map", invalid_argument("must hold file names only"));
    if (paths.contains(*name)) continue;
    Result<fs::path> path = shard_path(folder, *name);
    if (!path) return index.about("weight_map", path.error());
    NESO_TRY_VOID(add_file(*path, store));
    paths.emplace(*name, *path);
  }
  for (const auto& [tensor, file] : map->members()) {
    const fs::path& promised = paths.at(*file.as_string());
    const WeightPlace* actual = store.place(tensor);
    if (actual == nullptr || actual->file.path() != promised) {
      return index.about("weight_map",
                         invalid_argument("promises tensor {} in {}, which does not have it",
                                          in_quotes(tensor), promised.string()));
    }
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const WeightStore>> open_safetensors(const fs::path& folder) {
  auto store = std::make_shared<PlacedWeights>();
  const fs::path single = folder / "model.safetensors";
  std::error_code error;
  if (fs::exists(single, error)) {
    NESO_TRY_VOID(add_file(single, *store));
    return std::shared_ptr<const WeightStore>(std::move(store));
  }
  const fs::path index_path = folder / "model.safetensors.index.json";
  NESO_TRY(const std::optional<ConfigFile> index, ConfigFile::open_if_there(index_path));
  if (!index) {
    return not_found("{} has neither model.safetensors nor model.safetensors.index.json",
                     folder.string());
  }
  NESO_TRY_VOID(add_shards(folder, *index, *store));
  return std::shared_ptr<const WeightStore>(std::move(store));
}

}  // namespace neso
