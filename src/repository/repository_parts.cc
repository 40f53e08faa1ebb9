// SPDX-License-Identifier: Apache-2.0
// Repository::State: ensembles and the models that they are made of.
#include <algorithm>

#include "base/log.h"
#include "repository/repository_state.h"

namespace neso {

// Of an ensemble that is loaded, but whose parts do not fit.
std::string Repository::State::why_it_does_not_serve(const std::string& name) const {
  const auto known = snapshot();
  for (const auto& [number, version] : known->entries.find(name)->second.versions) {
    if (!version.ensemble || version.model) continue;
    const auto checked =
        check_ensemble_parts(version.ensemble->config(),
                             {.find = [&](const std::string& part, std::optional<int64_t> wanted) {
                               return known->lookup(part, wanted);
                             }});
    if (!checked) return checked.error().message;
  }
  return {};
}

// Before an ensemble its parts, which nobody may have asked for. No turn is held meanwhile, or two
// ensembles that are each other's parts would wait for ever.
void Repository::State::load_parts(const std::string& name, const ModelOverrides& overrides) {
  std::vector<std::string> names = {name};  // grows by the parts of each
  for (size_t i = 0; i < names.size(); ++i) {
    // What cannot be found is told when it is missed.
    const auto found = find(names[i]);
    const auto config_json = i == 0 ? overrides.config_json : std::nullopt;
    if (!found && !config_json) continue;
    const auto steps = loader.steps(found ? *found : FoundModel{.name = names[i]}, config_json);
    for (const EnsembleStep& step : steps) {
      if (std::ranges::count(names, step.model) == 0) names.push_back(step.model);
    }
  }
  for (size_t i = names.size(); i-- > 1;) {
    const Turn turn(*this, names[i]);
    if (snapshot()->lookup(names[i], {})) continue;
    if (auto loaded = load(names[i], {}); !loaded) {
      log_verbose(1, "a part of ensemble '{}': {}", name, loaded.error().message);
      continue;
    }
    update([&](RepositorySnapshot& next) { next.entries[names[i]].loaded_as_part = true; });
  }
}

// The parts of an ensemble that were loaded for ensembles only and that no other one has.
std::vector<std::string> Repository::State::idle_parts(const std::string& name) const {
  const auto known = snapshot();
  const auto steps_of = [](const ModelEntry& entry) {
    std::vector<std::string> parts;
    for (const auto& [number, version] : entry.versions) {
      if (!version.ensemble) continue;
      for (const EnsembleStep& step : version.ensemble->config().ensemble_steps)
        parts.push_back(step.model);
    }
    return parts;
  };
  const auto entry = known->entries.find(name);
  std::vector<std::string> idle;
  if (entry == known->entries.end()) return idle;
  for (const std::string& part : steps_of(entry->second)) {
    const auto found = known->entries.find(part);
    if (found == known->entries.end() || !found->second.loaded_as_part) continue;
    const bool used = std::ranges::any_of(known->entries, [&](const auto& other) {
      return other.first != name && std::ranges::count(steps_of(other.second), part) > 0;
    });
    if (!used && std::ranges::count(idle, part) == 0) idle.push_back(part);
  }
  return idle;
}

}  // namespace neso
