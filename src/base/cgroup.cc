// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup.h"

#include <fstream>
#include <optional>
#include <string>

namespace neso {
namespace {

namespace fs = std::filesystem;

// "<id>:<controllers>:<path>"; v2 has id 0 and no controllers.
struct Membership {
  std::string controllers;
  fs::path path;
};

std::optional<Membership> parse_membership(const std::string& line) {
  const size_t first = line.find(':');
  const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
  if (second == std::string::npos) return std::nullopt;
  return Membership{line.substr(first + 1, second - first - 1),
                    fs::path(line.substr(second + 1)).relative_path()};
}

bool lists(std::string_view controllers, std::string_view controller) {
  while (!controllers.empty()) {
    const size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == controller) return true;
    controllers =
        comma == std::string_view::npos ? std::string_view() : controllers.substr(comma + 1);
  }
  return false;
}

}  // namespace

std::vector<CgroupFolder> cgroup_folders(std::string_view controller, const CgroupPaths& paths) {
  std::vector<CgroupFolder> folders;
  std::ifstream in(paths.membership);
  for (std::string line; std::getline(in, line);) {
    auto membership = parse_membership(line);
    if (!membership) continue;
    const bool v2 = membership->controllers.empty();
    if (!v2 && !lists(membership->controllers, controller)) continue;
    const fs::path root = v2 ? paths.root : paths.root / controller;
    for (fs::path group = membership->path;; group = group.parent_path()) {
      folders.push_back({root / group, v2});
      if (group.empty()) break;
    }
  }
  return folders;
}

}  // namespace neso
