// SPDX-License-Identifier: Apache-2.0
// What a repository holds at one moment: models, their versions, and why some do not serve. A
// value; the repository replaces it as a whole, and readers keep the one that they got.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/model.h"
#include "repository/override_folder.h"
#include "request/requests.h"

namespace neso {

struct VersionEntry {
  std::shared_ptr<Model> model;          // null: does not serve
  std::shared_ptr<Model> ensemble = {};  // loaded; serves, as `model`, while its parts do
  std::string reason = {};               // why, when it is not on its way
  bool loading = false;                  // the first time, or again while `model` serves
  std::weak_ptr<Model> leaving = {};     // unloaded, and may still be answering
};

struct ModelEntry {
  std::string reason = {};  // why it was not even tried; empty: it was
  std::map<int64_t, VersionEntry> versions = {};
  std::string fingerprint = {};   // of the files that were loaded; empty: load them again
  bool spoils_readiness = false;  // what the server started with does not serve
  bool loaded_as_part = false;    // of an ensemble, not for itself
  std::shared_ptr<const OverrideFolder> files = {};  // instead of those in the repository
};

// Model | Version | Status, as Triton prints them: "-" for a model without versions.
struct ModelStatusRow {
  std::string model;
  std::string version;
  std::string status;
};

inline constexpr const char* kDuplicate = "model appears in two or more repositories";
inline constexpr const char* kUnloaded = "unloaded";

class RepositorySnapshot {
 public:
  std::map<std::string, ModelEntry, std::less<>> entries;

  // Lets those ensembles serve whose parts in this snapshot do, and says of the others why not.
  void settle_ensembles();

  // Repository::lookup.
  Result<std::shared_ptr<Model>> lookup(std::string_view name,
                                        std::optional<int64_t> version) const;
  std::vector<std::shared_ptr<Model>> models() const;
  // Reasons without the places of `folders`, which are none of a client's business.
  std::vector<IndexEntry> index(std::span<const std::filesystem::path> folders) const;
  std::vector<ModelStatusRow> status_rows() const;
  bool all_ready() const;
};

}  // namespace neso
