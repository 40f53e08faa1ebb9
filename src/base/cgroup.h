// SPDX-License-Identifier: Apache-2.0
// The control groups that bind this process. What a group's files say is for the caller.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace neso {

struct CgroupPaths {
  std::filesystem::path membership = "/proc/self/cgroup";
  std::filesystem::path root = "/sys/fs/cgroup";
};

struct CgroupFolder {
  std::filesystem::path path;
  bool v2 = true;  // files named as in cgroup v2, else as in v1
};

// The folders of this process's groups for a controller ("cpu", "memory"), each group followed by
// those above it: a group's limit binds all below it. Folders need not exist.
std::vector<CgroupFolder> cgroup_folders(std::string_view controller,
                                         const CgroupPaths& paths = {});

}  // namespace neso
