// SPDX-License-Identifier: Apache-2.0
#include "repository/override_folder.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/file.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

bool stays_inside(const fs::path& path) {
  return !path.empty() && path.is_relative() && path.has_filename() &&
         std::ranges::none_of(path,
                              [](const fs::path& part) { return part == ".." || part == "."; }) &&
         path.native().find('\0') == std::string::npos;
}

}  // namespace

Result<std::shared_ptr<const OverrideFolder>> OverrideFolder::create(
    const std::map<std::string, std::string>& files) {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "neso-model-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr) {
    return internal_error("no folder for the files of the request can be made at {}: {}", name,
                          error ? error.message() : std::strerror(errno));
  }
  std::shared_ptr<const OverrideFolder> folder(new OverrideFolder(name));
  for (const auto& [file, content] : files) {
    const fs::path relative(file);
    if (!stays_inside(relative)) {
      return invalid_argument(
          "the file '{}' does not lie in the model's folder; write VERSION/NAME, such as "
          "1/model.onnx",
          file);
    }
    if (std::ranges::any_of(relative,
                            [](const fs::path& part) { return part.native().size() > NAME_MAX; }))
      return internal_error("a file's name has more than {} bytes; shorten it", NAME_MAX);
    const fs::path path = folder->path() / relative;
    fs::create_directories(path.parent_path(), error);
    if (error) return internal_error("{}: {}", path.parent_path().string(), error.message());
    NESO_TRY_VOID(write_file_atomically(path, content));
  }
  return folder;
}

OverrideFolder::~OverrideFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace neso
