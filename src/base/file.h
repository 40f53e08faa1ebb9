// SPDX-License-Identifier: Apache-2.0
// The only door to files that are read whole, mapped or written. Errors name path and reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neso {

// The whole regular file; TooLarge when it has more than max_bytes. NotFound when it is not there.
Result<std::string> read_file(const std::filesystem::path& path, size_t max_bytes);

// Writes a file so that a reader sees the old or the new content, never a part.
Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content);

// Could that write this file now? For who works for long before there is something to write.
Result<> check_file_can_be_written(const std::filesystem::path& path);

// A regular file mapped read-only. The mapping stays valid while any copy of the pointer lives.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

  // Copies a range into private memory; a file cut short meanwhile is an error, not a SIGBUS.
  Result<> read_into(size_t offset, std::span<std::byte> out) const;

 private:
  MappedFile(std::filesystem::path path, int descriptor, const std::byte* data, size_t size);
  std::filesystem::path path_;
  int descriptor_;
  const std::byte* data_;
  size_t size_;
};

// Entries of a folder, sorted by name; an unreadable folder is an error with its path.
struct FolderEntry {
  std::string name;
  bool is_folder = false;  // after following links
};
Result<std::vector<FolderEntry>> list_folder(const std::filesystem::path& path);

// Can this process list the folder and open what is in it? Else the error says why not: without the
// right, every file in it would seem to be absent.
Result<> check_folder_access(const std::filesystem::path& path);

// True when `path`, links resolved, lies in `root`; the guard for every path that comes from a file
// or a request.
bool is_inside(const std::filesystem::path& root, const std::filesystem::path& path);

}  // namespace neso
