// SPDX-License-Identifier: Apache-2.0
#include "model/loading/files_fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <vector>

namespace neso {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 10'000;  // far above any model's

void add_file(const fs::directory_entry& entry, const fs::path& folder,
              std::vector<std::string>& lines) {
  std::error_code unreadable;
  if (lines.size() == kMaxFiles || !entry.is_regular_file(unreadable)) return;
  const auto size = entry.file_size(unreadable);
  const auto changed = entry.last_write_time(unreadable).time_since_epoch().count();
  lines.push_back(
      fmt::format("{} {} {}", entry.path().lexically_relative(folder).string(), size, changed));
}

std::string joined(std::vector<std::string> lines) {
  std::ranges::sort(lines);
  return fmt::format("{:016x}", hash_of(fmt::format("{}", fmt::join(lines, "\n"))));
}

}  // namespace

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

std::string folders_fingerprint(std::span<const fs::path> folders) {
  std::vector<std::string> lines;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      add_file(*it, folder, lines);
  }
  return joined(std::move(lines));
}

std::string tree_fingerprint(const fs::path& folder) {
  std::vector<std::string> lines;
  std::error_code error;
  constexpr auto kOptions = fs::directory_options::follow_directory_symlink |
                            fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator it(folder, kOptions, error);
  constexpr int kMaxDepth = 16;  // links may go in circles
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    if (it.depth() >= kMaxDepth) it.disable_recursion_pending();
    add_file(*it, folder, lines);
    if (lines.size() == kMaxFiles) break;
  }
  return joined(std::move(lines));
}

}  // namespace neso
